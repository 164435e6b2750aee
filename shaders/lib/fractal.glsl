// Folds of the plane: mirrors that make a mandala, and the rough light within its petals. Needs noise.glsl.

// A turn-symmetric plane of `count` sectors, each mirrored: the polar angle of p measured from a petal's axis,
// 0..PI/count, the first axis pointing up.
float fold_angle(vec2 p, float count) {
    float half_ = PI / count;
    float a = atan(p.x, p.y) + half_;
    return abs(a - 2.0 * half_ * floor(a / (2.0 * half_)) - half_);
}

// Twice mirrored, grown and turned: each sector holds smaller flowers of its own.
vec2 refold(vec2 z, vec2 shift, float turn, float grow) {
    mat2 m = grow * mat2(cos(turn), sin(turn), -sin(turn), cos(turn));
    z = m * (abs(z) - shift);
    return m * (abs(z) - shift);
}

// Four octaves, each 2.24 times as fine as the last and `gain` as high, 0..1. The higher the gain, the more its level
// lines wind: about 1.2 at 0.7 and 1.34 at 1 in the mandala (an endless sum would give 2 + log(gain) / log(2.24)).
float rough(vec2 z, float gain) {
    float sum = noise(z);
    float weight = gain;
    float all = 1.0;
    for (int i = 0; i < 3; i++) {
        z = TURN * z * 2.24 + 3.7;
        sum += weight * noise(z);
        all += weight;
        weight *= gain;
    }
    return sum / all;
}
