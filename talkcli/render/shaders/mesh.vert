#version 330 core
// The head's vertices as pyrender hands them over; normals go on in the camera's axes.

layout(location = 0) in vec3 position;
layout(location = NORMAL_LOC) in vec3 normal;
#ifdef TEXCOORD_0_LOC
layout(location = TEXCOORD_0_LOC) in vec2 texcoord_0;
out vec2 uv;
#endif
layout(location = COLOR_0_LOC) in vec4 color_0; // albedo, linear, and gloss
layout(location = INST_M_LOC) in mat4 inst_m;

uniform mat4 M;
uniform mat4 V;
uniform mat4 P;

out vec3 seen_normal;
out vec4 surface;

void main() {
    gl_Position = P * V * M * inst_m * vec4(position, 1.0);
    seen_normal = mat3(V * M * inst_m) * normal;
    surface = color_0;
#ifdef TEXCOORD_0_LOC
    uv = texcoord_0;
#endif
}
