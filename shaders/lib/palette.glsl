// Colours are chosen and mixed in OKLab (Ottosson 2020, bottosson.github.io/posts/oklab), where equal steps look equal
// and a blue does not turn purple on its way to grey; light is added in linear sRGB.

// lightness 0..1, chroma (0.1 is already rich at night), hue in degrees -> OKLab. Folded at compile time for constants.
vec3 lch(float lightness, float chroma, float hue_deg) {
    float h = radians(hue_deg);
    return vec3(lightness, chroma * cos(h), chroma * sin(h));
}

// OKLab -> linear sRGB; what lies outside the gamut is clipped at 0.
vec3 from_oklab(vec3 lab) {
    vec3 c = vec3(
        lab.x + 0.3963377774 * lab.y + 0.2158037573 * lab.z,
        lab.x - 0.1055613458 * lab.y - 0.0638541728 * lab.z,
        lab.x - 0.0894841775 * lab.y - 1.2914855480 * lab.z
    );
    c = c * c * c;
    return max(
        vec3(
            4.0767416621 * c.x - 3.3077115913 * c.y + 0.2309699292 * c.z,
            -1.2684380046 * c.x + 2.6097574011 * c.y - 0.3413193965 * c.z,
            -0.0041960863 * c.x - 0.7034186147 * c.y + 1.7076147010 * c.z
        ),
        0.0
    );
}

// Where the night stands: weights of arrive, settle, deepen, return; they sum to 1 and change without a corner.
vec4 hours(float progress) {
    float x = clamp(progress, 0.0, 1.0) * 3.0;
    float a = smoothstep(0.0, 1.0, x);
    float b = smoothstep(1.0, 2.0, x);
    float c = smoothstep(2.0, 3.0, x);
    return vec4(1.0 - a, a - b, b - c, c);
}

vec3 over_hours(vec4 w, vec3 arrive, vec3 settle, vec3 deepen, vec3 back) {
    return arrive * w.x + settle * w.y + deepen * w.z + back * w.w;
}
