// Stars that survive upscaling: each is a soft dot about as wide as a pixel of the small picture, so that a star that
// drifts by a fraction of a pixel keeps its light. Needs noise.glsl.

// One star at most in a cell, kept off the cell's edge; `share` of the cells have one. Most are faint, a few are bright;
// the cells lie aslant, so that no row shows. Colour: cool to warm white.
vec3 stars(vec2 p, float cell, float share, float px) {
    vec2 q = TURN * p / cell;
    vec2 i = floor(q);
    uint bits = cell_bits(i);
    float size = max(0.74 * px, 0.0021) / cell;
    float margin = min(2.6 * size, 0.5);
    vec2 at = margin + (1.0 - 2.0 * margin) * vec2(float(bits & 1023u), float((bits >> 10) & 1023u)) / 1023.0;
    float rank = float((bits >> 20) & 4095u) / 4095.0 / max(share, 1e-4);
    float bright = max(1.0 - rank, 0.0);
    float b2 = bright * bright;
    bright = 0.07 * bright + b2 * b2 * b2;
    vec2 d = (q - i - at) / size;
    float dot_light = max(1.0 - dot(d, d) * 0.16, 0.0);
    dot_light *= dot_light * dot_light;
    float warm = float((bits >> 5) & 255u) / 255.0;
    return bright * dot_light * mix(vec3(0.78, 0.90, 1.12), vec3(1.10, 0.96, 0.80), warm * warm);
}
