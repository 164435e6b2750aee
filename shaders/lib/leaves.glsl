// Trees and the light between leaves, drawn out of focus. Needs noise.glsl.

// Round spots of light, as gaps between leaves look out of focus: one to a cell and wholly inside it; `share` of the
// cells have one. Returns light 0..1 and a number of the spot's own. The cells lie aslant, so that no row shows.
vec2 spots(vec2 p, float cell, float share, float soft) {
    vec2 q = TURN * p / cell;
    vec2 i = floor(q);
    uint bits = cell_bits(i);
    float size = mix(0.24, 0.42, float((bits >> 20) & 255u) * (1.0 / 255.0));
    vec2 at = size + (1.0 - 2.0 * size) * vec2(float(bits & 1023u), float((bits >> 10) & 1023u)) * (1.0 / 1023.0);
    float r = length(q - i - at) / size;
    float own = float(bits >> 24) * (1.0 / 255.0);
    float rank = float((bits >> 4) & 255u) * (1.0 / 255.0);
    float some = smoothstep(1.0 - share, 1.0 - 0.6 * share, rank);
    return vec2(some * (1.0 - smoothstep(1.0 - soft, 1.0, r)) * (0.85 + 0.15 * r * r), own);
}

// Trunks side by side, one to a stretch of `every` along x; they lean and bend a little and widen at the foot.
// A share of the stretches has one, fewer than `clear` from x = 0. Returns cover 0..1, where across its trunk this is
// (-1 left edge .. 1 right edge), and a number of the trunk's own.
vec3 trunks(vec2 at, float every, float thick, float share, float clear, float soft, float row) {
    float k = at.x / every;
    float i = floor(k);
    uint bits = uint(int(i)) * 0x9e3779b1u + uint(int(row)) * 0x85ebca77u;
    bits ^= bits >> 15;
    bits *= 0x2c1b3c6du;
    bits ^= bits >> 13;
    float own = float(bits & 1023u) * (1.0 / 1023.0);
    float lean = float((bits >> 10) & 255u) * (1.0 / 255.0) - 0.5;
    float bend = 0.5 * slow_wave(0.27 * at.y + float((bits >> 18) & 127u) * (1.0 / 128.0)) - 0.25;
    float foot = 1.0 / (1.0 + 3.6 * max(at.y + 0.40, 0.0));
    float wide = thick * (mix(0.48, 1.0, own) * (1.0 - 0.15 * at.y) + 1.25 * foot * foot * foot);
    float room = max(0.42 * every - 1.3 * thick, 0.0);
    float d = (k - i - 0.5) * every - room * (4.0 * abs(lean) - 1.0) - 0.10 * every * (2.0 * lean * at.y + bend);
    float far = clamp((abs((i + 0.5) * every) - 0.5 * clear) / (0.5 * clear + 0.001), 0.0, 1.0);
    float some = step(float(bits >> 25) * (1.0 / 127.0), share * far);
    return vec3(some * (1.0 - smoothstep(wide - soft, wide + soft, abs(d))), clamp(d / wide, -1.0, 1.0), own);
}
