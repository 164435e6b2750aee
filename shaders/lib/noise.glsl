// Hashes and value noise, arithmetic only: on a software renderer integer hashing costs a third less than a hash of
// fractions and a third of a texture. All values 0..1; lattice noise is C1, its octaves are turned so that no grid shows.

uint mix_bits(uint x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

float unit(uint x) {
    return float(x >> 8) * 5.9604645e-8;  // 24 bits: exact in a float
}

uint cell_bits(vec2 cell) {
    ivec2 k = ivec2(cell);
    return mix_bits((uint(k.x) * 0x9e3779b1u) ^ (uint(k.y) * 0x85ebca77u));
}

float corner(uint x) {
    x ^= x >> 15;
    x *= 0x2c1b3c6du;
    return unit(x ^ (x >> 13));
}

float noise(vec2 p) {
    vec2 i = floor(p);
    vec2 f = p - i;
    f = f * f * (3.0 - 2.0 * f);
    ivec2 k = ivec2(i);
    uint a = uint(k.x) * 0x9e3779b1u;
    uint b = uint(k.y) * 0x85ebca77u;
    uint a1 = a + 0x9e3779b1u;
    uint b1 = b + 0x85ebca77u;
    return mix(mix(corner(a ^ b), corner(a1 ^ b), f.x), mix(corner(a ^ b1), corner(a1 ^ b1), f.x), f.y);
}

// Value and gradient: (v, dv/dx, dv/dy). Quintic, so that the slopes that light a surface have no creases.
vec3 noise_slope(vec2 p) {
    vec2 i = floor(p);
    vec2 f = p - i;
    vec2 u = f * f * f * (f * (f * 6.0 - 15.0) + 10.0);
    vec2 du = 30.0 * f * f * (f * (f - 2.0) + 1.0);
    ivec2 k = ivec2(i);
    uint a = uint(k.x) * 0x9e3779b1u;
    uint b = uint(k.y) * 0x85ebca77u;
    uint a1 = a + 0x9e3779b1u;
    uint b1 = b + 0x85ebca77u;
    float v00 = corner(a ^ b);
    float v10 = corner(a1 ^ b);
    float v01 = corner(a ^ b1);
    float v11 = corner(a1 ^ b1);
    float twist = v00 - v10 - v01 + v11;
    return vec3(
        v00 + (v10 - v00) * u.x + (v01 - v00) * u.y + twist * u.x * u.y,
        du * vec2(v10 - v00 + twist * u.y, v01 - v00 + twist * u.x)
    );
}

const mat2 TURN = mat2(0.80, 0.60, -0.60, 0.80);

float fbm3(vec2 p) {
    float sum = 0.52 * noise(p);
    p = TURN * p * 2.03 + 17.3;
    sum += 0.29 * noise(p);
    p = TURN * p * 2.11 + 5.7;
    return sum + 0.19 * noise(p);
}

// Along a line only: half the price of noise(), for folds, rays and ridges.
float noise1(float x) {
    float i = floor(x);
    float f = x - i;
    uint a = uint(int(i)) * 0x9e3779b1u;
    return mix(corner(a), corner(a + 0x9e3779b1u), f * f * (3.0 - 2.0 * f));
}

// Value and slope: (v, dv/dx).
vec2 noise1_slope(float x) {
    float i = floor(x);
    float f = x - i;
    uint a = uint(int(i)) * 0x9e3779b1u;
    float v0 = corner(a);
    float rise = corner(a + 0x9e3779b1u) - v0;
    return vec2(v0 + rise * f * f * f * (f * (f * 6.0 - 15.0) + 10.0), rise * 30.0 * f * f * (f * (f - 2.0) + 1.0));
}

// Three octaves with their slope: (v, dv/dx, dv/dy). For clouds that are lit from a side.
vec3 fbm3_slope(vec2 p) {
    vec3 sum = 0.54 * noise_slope(p);
    p = TURN * p * 2.03 + 17.3;
    vec3 n = noise_slope(p);
    sum += 0.29 * vec3(n.x, 2.03 * (n.yz * TURN));
    p = TURN * p * 2.11 + 5.7;
    n = noise_slope(p);
    return sum + 0.17 * vec3(n.x, 4.28 * (n.yz * TURN * TURN));
}

// A soft wave over x: 0 at whole numbers, 1 half way; C1. A sine costs seven times as much on a software renderer.
float slow_wave(float x) {
    float f = abs(2.0 * (x - floor(x)) - 1.0);
    return 1.0 - f * f * (3.0 - 2.0 * f);
}

// smoothstep, and its fall where the edges are given the other way round. Constant edges cost no division: a software
// renderer divides even by constants, at the price of a dozen multiplications, so write `* (1.0 / 255.0)` too.
float ramp(float from, float to, float x) {
    float f = clamp((x - from) * (1.0 / (to - from)), 0.0, 1.0);
    return f * f * (3.0 - 2.0 * f);
}
