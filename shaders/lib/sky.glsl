// The night sky and the land under it: stars, the milky way, figures of stars, mountains and spruces. Needs noise.glsl.
// Stars survive upscaling: each is a soft dot about as wide as a pixel of the small picture (`px` is its height in p),
// so that a star that drifts by a fraction of a pixel keeps its light.

// One star at most in a cell, kept off the cell's edge; `share` of the cells have one. Most are faint, a few bright;
// the cells lie aslant, so that no row shows. Colour: cool to warm white.
vec3 stars(vec2 p, float cell, float share, float px) {
    vec2 q = TURN * p / cell;
    vec2 i = floor(q);
    uint bits = cell_bits(i);
    float size = max(0.74 * px, 0.0021) / cell;
    float margin = min(2.6 * size, 0.5);
    vec2 at = margin + (1.0 - 2.0 * margin) * vec2(float(bits & 1023u), float((bits >> 10) & 1023u)) * (1.0 / 1023.0);
    float rank = float((bits >> 20) & 4095u) * (1.0 / 4095.0) / max(share, 1e-4);
    float bright = max(1.0 - rank, 0.0);
    float b2 = bright * bright;
    bright = 0.07 * bright + b2 * b2 * b2;
    vec2 d = (q - i - at) / size;
    float dot_light = max(1.0 - dot(d, d) * 0.16, 0.0);
    dot_light *= dot_light * dot_light;
    float warm = float((bits >> 5) & 255u) * (1.0 / 255.0);
    return bright * dot_light * mix(vec3(0.78, 0.90, 1.12), vec3(1.10, 0.96, 0.80), warm * warm);
}

// A range of mountains along x: (height 0..1, slope), steep at the crests. Its faces fall off as the slope says.
vec2 mountains(float x) {
    vec2 mass = noise1_slope(x + 17.3);
    vec2 peak = noise1_slope(2.7 * x + 5.1);
    vec2 rock = noise1_slope(7.1 * x + 2.9);
    float off = 2.0 * peak.x - 1.0;
    float crest = sqrt(off * off + 0.035);
    float high = mass.x * (0.45 + 0.42 * (1.0 - crest) + 0.18 * rock.x);
    float slope = -2.2 * peak.y * off / crest + 1.2 * rock.y + mass.y;
    return vec2(high, slope);
}

// A row of spruces along x, one at most in each cell of width 1: its outline's height, 0..1.
float spruces(float x) {
    float i = floor(x);
    uint bits = mix_bits(uint(int(i)) * 0x9e3779b1u);
    float tall = 0.35 + 0.65 * float(bits & 255u) * (1.0 / 255.0);
    float at = 0.35 + 0.30 * float((bits >> 8) & 255u) * (1.0 / 255.0);
    float wide = 0.16 + 0.16 * tall;
    return tall * max(1.0 - abs(x - i - at) / wide, 0.0);
}

// Near stars: few, each with a soft halo of its own that ends inside its cell.
vec3 lamps(vec2 p, float cell, float share, float px) {
    vec2 q = TURN * p / cell;
    vec2 i = floor(q);
    uint bits = cell_bits(i + 71.0);
    vec2 at = 0.36 + 0.28 * vec2(float(bits & 1023u), float((bits >> 10) & 1023u)) * (1.0 / 1023.0);
    float rank = float((bits >> 20) & 4095u) * (1.0 / 4095.0) / max(share, 1e-4);
    vec2 d = q - i - at;
    float away2 = dot(d, d);
    float core = max(1.0 - away2 * cell * cell * 0.16 / (px * px), 0.0);
    float halo = max(1.0 - away2 * 7.7, 0.0);
    float light = max(1.0 - rank, 0.0) * (0.9 * core * core + halo * halo * 0.0007 / (away2 + 0.004));
    return light * mix(vec3(0.72, 0.88, 1.20), vec3(1.15, 0.95, 0.72), float((bits >> 5) & 255u) * (1.0 / 255.0));
}

// Spruces seen near: how far a place lies inside one (> 0), in cells of width 1; y is the height above their ground.
float near_spruce(vec2 q) {
    float i = floor(q.x);
    uint bits = mix_bits(uint(int(i)) * 0x85ebca77u + 77u);
    float tall = 0.8 + 1.7 * float(bits & 255u) * (1.0 / 255.0);
    float at = 0.36 + 0.28 * float((bits >> 8) & 255u) * (1.0 / 255.0);
    float x = q.x - i - at;
    float rows = q.y * 6.5 + float((bits >> 16) & 255u) * (1.0 / 255.0) + (x < 0.0 ? 0.37 : 0.0);
    float row = floor(rows);
    float bough = 0.45 + (0.60 + 0.60 * fract(0.381 * row + tall)) * (1.0 - rows + row);
    return (tall - q.y) * 0.16 * bough - abs(x);
}

// The milky way along a line through `mid` in direction `along` (length 1): its light 0..1, its dark rift taken out.
float milky_way(vec2 p, vec2 mid, vec2 along, float home) {
    float across = dot(p - mid, vec2(along.y, -along.x));
    float run = dot(p - mid, along);
    float grain = noise(9.0 * p + home);
    float clouds = 0.78 * noise(vec2(2.3 * run, 3.4 * across + 0.25 * grain) + home) + 0.22 * grain;
    float off = across + 0.16 * (clouds - 0.5);
    float band = exp(-7.0 * off * off);
    float rift = noise(vec2(3.1 * run + 0.7 * clouds, 7.0 * across + 0.5 * grain) - home) + 0.2 * grain;
    rift = ramp(0.52, 0.85, rift);
    rift *= max(1.0 - 17.0 * (off + 0.03) * (off + 0.03), 0.0);
    return band * (0.20 + 0.95 * clouds * clouds + 0.22 * grain * clouds) * (1.0 - 0.80 * rift);
}

// A figure of 4 to 7 stars with lines between them, made from `bits`, at place `p` from the middle of its field `size`:
// (light of the stars, light of the lines), 0..1. `joined` 0..1: how far light has run along the lines, where `motion`
// is 1; at 0 it rises in place. No line is fainter than `faint`. Only the few segments of this figure are looked at.
vec2 figure_light(vec2 p, vec2 size, uint bits, float joined, float faint, float motion, float px) {
    // A walk from star to star that turns now to one side and now to the other; some end in a bowl of four stars.
    // It is laid into its place, as large as that allows. Stars beyond the last lie on it: they cost no question.
    vec2 at[7];
    vec2 go[7];
    float far[7];
    int count = 4 + int((bits >> 8) & 3u);
    float bowl = count > 4 && (bits & 0x1000u) != 0u ? float(count) - 4.0 : 9.0;  // where it begins
    at[0] = vec2(0.0);
    go[0] = normalize(vec2(1.0, float((bits >> 16) & 255u) / 150.0 - 0.85));
    vec2 low = vec2(0.0);
    vec2 high = vec2(0.0);
    vec2 mouth = vec2(0.0);
    for (int k = 0; k < 6; k++) {
        bits = bits * 0x2c9277b5u + 0xac564b05u;
        float chance = float(bits >> 24) * (1.0 / 256.0);
        bool around = float(k) >= bowl;
        float way = (k & 1) == 0 ? 1.0 : -1.0;
        float s = around ? 0.84 + 0.15 * chance : (1.25 * chance - 0.30) * way;  // sine of the turn that follows
        float c = sqrt(1.0 - s * s);
        float long_ = (around ? 0.60 : 0.50) + (around ? 0.40 : 0.80) * fract(37.0 * chance);
        far[k] = k + 1 < count ? long_ : 0.0;
        at[k + 1] = at[k] + go[k] * far[k];
        mouth = float(k) == bowl ? at[k] : mouth;
        go[k + 1] = vec2(go[k].x * c - go[k].y * s, go[k].x * s + go[k].y * c);
        low = min(low, at[k + 1]);
        high = max(high, at[k + 1]);
    }
    vec2 span = max(high - low, 0.1);
    float scale = min(min(0.78 * size.x / span.x, 0.74 * size.y / span.y), 0.24);
    vec2 shift = vec2(float((bits >> 18) & 63u), float((bits >> 24) & 63u)) * (1.0 / 63.0) - 0.5;
    shift *= 0.86 * size - span * scale;
    vec2 c = (p - shift) / scale;
    c.x = (bits & 0x10000u) == 0u ? c.x : -c.x;
    c += 0.5 * (low + high);
    vec2 closing = bowl < 9.0 ? mouth - at[6] : vec2(0.0);
    far[6] = length(closing);
    go[6] = closing / max(far[6], 1e-3);

    // Distances in px: to the nearest star, brighter ones counting as nearer, and from lines that are lit.
    float grown = joined * (1.0 + float(count));  // how far the light has run along the figure
    float least = max(joined * (1.0 - motion), faint);  // without motion the lines brighten where they are
    float most = max(mix(joined, 1.0, motion), least);
    float fine = scale * scale / (px * px);
    float nearest = 1e6;
    float line = 0.0;
    float glow = 0.0;
    for (int k = 0; k < 7; k++) {
        vec2 from = c - at[k];
        nearest = min(nearest, fine * (1.0 + 0.35 * float((k * 5) & 3)) * dot(from, from));
        float run = clamp(dot(from, go[k]), 0.0, far[k]);
        vec2 away = from - go[k] * run;
        float lit = clamp((grown - run) * 1.8, least, most);
        float off = fine * dot(away, away);
        line = max(line, lit - lit * 0.40 * off);
        glow = max(glow, lit - lit * 0.020 * off);
        grown -= far[k];
    }
    float core = max(1.0 - 0.13 * nearest, 0.0);
    float halo = max(1.0 - 0.010 * nearest, 0.0);
    float gap = clamp(0.022 * nearest, 0.0, 1.0);  // lines end a little before their stars
    float points = core * core * core + (0.02 + 0.08 * joined) * halo * halo * halo;
    return vec2(points, (0.80 * line + 0.20 * glow * glow * glow) * gap);
}
