// The guide's voice in a picture: soft lights that open and close. No edge shows where they end. Needs noise.glsl.

// A round glow about a place: `d` from its middle, `size` its half widths. 1 in the middle, 1/4 at the half width.
float soft_glow(vec2 d, vec2 size) {
    vec2 k = d / size;
    float q = 1.0 / (1.0 + dot(k, k));
    return q * q;
}

// A lamp's long light on water: `dx` beside the lamp, `below` its foot, both in p; it widens as it comes nearer.
float light_column(float dx, float below, float wide, float tall) {
    float k = dx / (wide * (0.35 + 1.3 * below));
    float q = 1.0 / (1.0 + k * k);
    float end = 1.0 / (1.0 + below * below / (tall * tall));
    return q * q * end * smoothstep(0.0, 0.02, below);
}

// The light of a paper lantern: `d` from its middle in half widths; the flame low in it reaches `full` (0..1) far up; the
// rim is the softer, the smaller `sharp`. x: the paper, y: its halo, 0 from 7 half widths on.
vec2 lantern(vec2 d, float full, float sharp) {
    vec2 e = vec2(d.x * (1.08 - 0.14 * clamp(d.y, -1.5, 1.5)), d.y * 0.78);
    e *= e;
    float paper = clamp(0.5 + sharp * (1.0 - dot(e, e)), 0.0, 1.0);
    float flame = dot(d, d) + 1.6 * d.y + 0.64;
    paper *= (1.0 - 0.30 * e.x) * (0.16 + 1.5 / (1.0 + flame * mix(3.5, 0.7, full)));
    float halo = max(1.0 - 0.02 * dot(d, d), 0.0);
    float h2 = halo * halo;
    float h8 = h2 * h2 * h2 * h2;
    return vec2(paper, 0.22 * h2 * halo + 0.55 * h8 * h8);
}
