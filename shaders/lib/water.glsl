// Water seen from above it, under a level horizon. The eye stands one unit over the surface and looks along it; `down` is
// how far below the horizon a ray leaves the picture (p units), LENS the picture plane's distance, so that a ray meets the
// still surface LENS / down away. Slopes are rises per unit: x to the right, y away from the eye. Needs noise.glsl.

const float LENS = 1.5;

// A place on the water (right, away). `fine` is the number of waves per unit that will be drawn there: towards the horizon
// the place stops rushing off before such waves grow smaller than a pixel of a 360-line picture, so that nothing flickers.
vec2 on_water(float x, float down, float fine) {
    return vec2(x, LENS) * (1.0 / (down + 0.13 * sqrt(fine)));
}

// How squarely the eye looks at the surface: 0 along it .. 1 from above. Faces that lean away hide behind others, so it
// never reaches 0; `rough` is the slope of what is too small to be drawn.
float facing(float x, float down, vec2 slope, float rough) {
    float c = (down + x * slope.x) * (1.0 / LENS) + slope.y;
    return 0.5 * (c + sqrt(c * c + rough * rough));
}

// Part of the light that the surface mirrors (Schlick; water's refractive index 1.33).
float fresnel(float facing_) {
    float a = max(1.0 - facing_, 0.0);
    float a2 = a * a;
    return 0.02 + 0.98 * a2 * a2 * a;
}

// Where above the horizon the mirrored ray goes: (x, height) in picture coordinates.
vec2 mirrored(float x, float down, vec2 slope, float facing_) {
    return vec2(x - 2.0 * LENS * slope.x * facing_, max(2.0 * LENS * facing_ - down, 0.0));
}

// The slope that a face must have to send the light of a lamp at `lamp` (x, height over the horizon) to the eye.
vec2 glint_slope(vec2 lamp, float x, float down) {
    vec3 half_way = normalize(vec3(lamp, LENS)) - normalize(vec3(x, -down, LENS));
    return half_way.xz * (-1.0 / half_way.y);
}

// How much of that lamp glints from a face `off` the wanted slope: 0..1. Small `rough` makes single sparks.
float glitter(vec2 off, float rough) {
    float q = max(1.0 - dot(off, off) / (9.0 * rough * rough), 0.0);
    q *= q;
    return q * q;
}

// Rings that drops leave: slopes in xy (about -1..1), in z how near this is to where the drop fell (0..1). `q` in cells;
// in each cell at most one ring opens at a time, in `share` of its lives; the next drop falls elsewhere. `clock` counts
// lives: at rest no ring grows.
vec3 rings(vec2 q, float clock, float share) {
    vec2 i = floor(q);
    vec2 f = q - i;
    uint bits = cell_bits(i);
    float life = clock + unit(bits);
    float number = floor(life);
    float age = life - number;
    bits = mix_bits(bits + uint(int(number)) * 0x9e3779b1u);
    vec2 at = 0.32 + 0.36 * vec2(float(bits & 1023u), float((bits >> 10) & 1023u)) * (1.0 / 1023.0);
    float falls = clamp(8.0 * (share - float((bits >> 20) & 4095u) * (1.0 / 4096.0)), 0.0, 1.0);
    vec2 d = f - at;
    float r2 = dot(d, d) + 1e-5;
    float r = sqrt(r2);
    float u = clamp((r - 0.44 * age) / (0.05 + 0.10 * age), -1.0, 1.0);
    float window = 1.0 - u * u;
    vec2 rim = min(f, 1.0 - f);
    float inside = ramp(0.0, 0.10, min(rim.x, rim.y));
    float rest = 1.0 - age;
    float strong = falls * inside * min(12.0 * age, 1.0) * rest * rest;
    float spot = max(1.0 - 120.0 * r2, 0.0);
    return vec3(d * (3.5 * u * (1.0 - 1.6 * u * u) * window * window * strong / r), spot * spot * falls * rest * min(6.0 * age, 1.0));
}
