// Cellular pattern (Worley 1996): lumps of a heap, pebbles, crystals. Needs noise.glsl.

// What the nearest of the scattered points is like: to it (xy), its distance, the distance to the border with its
// neighbour (0 on the border), and a number 0..1 of its own.
struct Cell {
    vec2 to;
    float near;
    float border;
    float id;
};

// Points lie one to a unit square, `loose` 0 on a grid .. 1 anywhere in their square.
Cell cells(vec2 p, float loose) {
    vec2 i = floor(p);
    vec2 f = p - i;
    Cell c;
    c.to = vec2(8.0);
    c.id = 0.0;
    uint corner_x = uint(int(i.x)) * 0x9e3779b1u;
    uint corner_y = uint(int(i.y)) * 0x85ebca77u;
    float first = 64.0;
    float second = 64.0;
    for (int y = -1; y <= 1; y++) {
        for (int x = -1; x <= 1; x++) {
            vec2 k = vec2(float(x), float(y));
            uint bits = (corner_x + uint(x) * 0x9e3779b1u) ^ (corner_y + uint(y) * 0x85ebca77u);
            bits ^= bits >> 15;
            bits *= 0x2c1b3c6du;
            bits ^= bits >> 13;
            vec2 at = vec2(float(bits & 1023u), float((bits >> 10) & 1023u)) * (1.0 / 1023.0);
            vec2 d = k + 0.5 + loose * (at - 0.5) - f;
            float far = dot(d, d);
            second = min(second, max(first, far));
            if (far < first) {
                first = far;
                c.to = d;
                c.id = float(bits >> 20) * (1.0 / 4095.0);
            }
        }
    }
    c.near = sqrt(first);
    c.border = sqrt(second) - c.near;
    return c;
}
