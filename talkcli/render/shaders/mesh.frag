#version 330 core
// The light of talkcli/render/scene.py, shade() and display(), for one point of the surface.

struct DirectionalLight {
    vec3 color;
    float intensity;
    vec3 direction; // in which the light travels
};

struct Material {
    vec3 emissive_factor; // nothing glows here: it carries the material's wrap
    vec4 base_color_factor;
    float metallic_factor;
    float roughness_factor;
#ifdef HAS_BASE_COLOR_TEX
    sampler2D base_color_texture;
#endif
};

uniform mat4 V;
uniform Material material;
uniform DirectionalLight directional_lights[MAX_DIRECTIONAL_LIGHTS];
uniform int n_directional_lights;
uniform vec3 ambient_light; // from above
uniform vec3 ground_light;
uniform float reflectance;
uniform float knee;

in vec3 seen_normal;
in vec4 surface;
#ifdef HAS_BASE_COLOR_TEX
in vec2 uv;
#endif

out vec4 color;

float highlight(vec3 n, vec3 l, float roughness, float fresnel_base) {
    vec3 h = normalize(l + vec3(0.0, 0.0, 1.0));
    float nl = clamp(dot(n, l), 0.0, 1.0);
    float nv = clamp(n.z, 0.05, 1.0);
    float nh = clamp(dot(n, h), 0.0, 1.0);
    float alpha = roughness * roughness * roughness * roughness;
    float denominator = nh * nh * (alpha - 1.0) + 1.0;
    float k = (roughness + 1.0) * (roughness + 1.0) / 8.0;
    float shadow = nl / (nl * (1.0 - k) + k) / (nv * (1.0 - k) + k);
    float fresnel = fresnel_base + (1.0 - fresnel_base) * pow(1.0 - h.z, 5.0);
    return alpha / (denominator * denominator) * shadow * fresnel / 4.0;
}

void main() {
    vec3 n = normalize(vec3(seen_normal.xy, max(seen_normal.z, 0.0)));
    vec3 albedo = surface.rgb * material.base_color_factor.rgb;
#ifdef HAS_BASE_COLOR_TEX
    albedo *= pow(texture(material.base_color_texture, uv).rgb, vec3(2.2));
#endif
    vec3 wrap = material.emissive_factor;
    vec3 diffuse = mix(ground_light, ambient_light, n.y * 0.5 + 0.5);
    vec3 shine = vec3(0.0);
    for (int i = 0; i < n_directional_lights; i++) {
        vec3 l = normalize(mat3(V) * -directional_lights[i].direction);
        vec3 radiance = directional_lights[i].color * directional_lights[i].intensity;
        diffuse += radiance * pow(max((vec3(dot(n, l)) + wrap) / (1.0 + wrap), 0.0), vec3(1.4));
        shine += radiance * highlight(n, l, material.roughness_factor, reflectance);
    }
    vec3 light = albedo * diffuse * (1.0 - material.metallic_factor) + surface.a * shine;
    vec3 soft = knee + (1.0 - knee) * (1.0 - exp((knee - light) / (1.0 - knee)));
    light = mix(light, soft, step(knee, light));
    vec3 coded = mix(light * 12.92, 1.055 * pow(max(light, 1e-9), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, light));
    color = vec4(coded, 1.0);
}
