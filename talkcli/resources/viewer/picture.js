// Draws the head by WebGL 2, in the light of talkcli/render/scene.py: shaders/mesh.frag there computes the same.

const HEAD_VERTEX = `#version 300 es
layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec4 surface; // colour, sRGB, and gloss
uniform mat3 axes; // of the camera: right, up, back
uniform vec3 eye;
uniform vec4 lens; // scale of x and of y, and the two numbers of depth
uniform float glossiest, side; // -1: seen from behind
out vec3 seenNormal;
out vec3 albedo;
out float gloss;
void main() {
  vec3 seen = (position - eye) * axes;
  gl_Position = vec4(seen.xy * lens.xy, seen.z * lens.z + lens.w, -seen.z);
  seenNormal = normalize(side * normal * axes + vec3(0.0, 0.0, 1e-20));
  albedo = mix(surface.rgb / 12.92, pow((surface.rgb + 0.055) / 1.055, vec3(2.4)), step(0.04045, surface.rgb));
  gloss = surface.a * glossiest;
  if (side < 0.0) albedo *= 0.16, gloss *= 0.1;
}`;

const HEAD_FRAGMENT = `#version 300 es
precision highp float;
in vec3 seenNormal;
in vec3 albedo;
in float gloss;
uniform vec3 directions[3];
uniform vec3 radiances[3];
uniform vec3 sky, ground, wrap;
uniform float roughness, reflectance, knee;
out vec4 color;

float highlight(vec3 n, vec3 l) {
  vec3 h = normalize(l + vec3(0.0, 0.0, 1.0));
  float nl = clamp(dot(n, l), 0.0, 1.0), nv = clamp(n.z, 0.05, 1.0), nh = clamp(dot(n, h), 0.0, 1.0);
  float alpha = pow(roughness, 4.0), spread = nh * nh * (alpha - 1.0) + 1.0;
  float k = (roughness + 1.0) * (roughness + 1.0) / 8.0;
  float shadow = nl / (nl * (1.0 - k) + k) / (nv * (1.0 - k) + k);
  float fresnel = reflectance + (1.0 - reflectance) * pow(1.0 - h.z, 5.0);
  return alpha / (spread * spread) * shadow * fresnel / 4.0;
}

void main() {
  vec3 n = normalize(vec3(seenNormal.xy, max(seenNormal.z, 0.0)) + vec3(0.0, 0.0, 1e-9));
  vec3 diffuse = mix(ground, sky, n.y * 0.5 + 0.5);
  vec3 shine = vec3(0.0);
  for (int i = 0; i < 3; i++) {
    diffuse += radiances[i] * pow(max((vec3(dot(n, directions[i])) + wrap) / (1.0 + wrap), 0.0), vec3(1.4));
    shine += radiances[i] * highlight(n, directions[i]);
  }
  vec3 light = albedo * diffuse + gloss * shine;
  vec3 soft = knee + (1.0 - knee) * (1.0 - exp((knee - light) / (1.0 - knee)));
  light = mix(light, soft, step(knee, light));
  color = vec4(mix(light * 12.92, 1.055 * pow(max(light, 1e-9), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, light)), 1.0);
}`;

const WIRE_FRAGMENT = `#version 300 es
precision mediump float;
uniform vec4 ink;
out vec4 color;
void main() { color = ink; }`;

const BACK_VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }`;

const BACK_FRAGMENT = `#version 300 es
precision highp float;
uniform vec2 size;
uniform vec3 middle, corner;
out vec4 color;
void main() {
  vec2 off = gl_FragCoord.xy / size - vec2(0.5, 0.56);
  float noise = fract(sin(dot(gl_FragCoord.xy, vec2(12.9898, 78.233))) * 43758.5453) - 0.5;
  color = vec4((mix(middle, corner, pow(clamp(dot(off, off) / 0.5, 0.0, 1.0), 0.8)) + noise) / 255.0, 1.0);
}`;

// Depth, in clip space, by which wires lie before the surface, linings behind it, and the mesh's other side behind
// all else, since it is to be seen only where nothing else is: in a cut neck, or from behind a mask.
const WIRES = 2e-4, LININGS = -1e-3, INSIDE = -0.05;

function moved([x, y, depth, offset], nearer) {
  return [x, y, depth + nearer, offset];
}

class Picture {
  constructor(canvas, head, about, surface) {
    Object.assign(this, { canvas, head, about, wires: false });
    this.surface = new Uint8Array(surface.length); // (V + L, 4)
    for (let i = 0; i < surface.length; i++) this.surface[i] = surface[(i % 4) * head.count + (i >> 2)];
    this.gl = canvas.getContext("webgl2", { antialias: true, alpha: false, powerPreference: "low-power" });
    if (this.gl) this.prepare();
  }

  prepare() {
    const { gl, head } = this;
    this.programs = {
      head: this.program(HEAD_VERTEX, HEAD_FRAGMENT),
      wires: this.program(HEAD_VERTEX, WIRE_FRAGMENT),
      back: this.program(BACK_VERTEX, BACK_FRAGMENT),
    };
    this.empty = gl.createVertexArray();
    this.vertices = gl.createVertexArray();
    gl.bindVertexArray(this.vertices);
    this.positions = this.buffer(0, head.positions, 3, gl.FLOAT, gl.DYNAMIC_DRAW);
    this.normals = this.buffer(1, head.normals, 3, gl.FLOAT, gl.DYNAMIC_DRAW);
    this.buffer(2, this.surface, 4, gl.UNSIGNED_BYTE, gl.STATIC_DRAW);
    this.triangles = this.indices(head.faces);
    this.lines = null; // made when they are first wanted
    gl.enable(gl.CULL_FACE);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
  }

  program(vertex, fragment) {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(gl.getProgramInfoLog(program) || "the shaders do not link");
    }
    const places = {};
    for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
      const { name } = gl.getActiveUniform(program, i);
      places[name.replace("[0]", "")] = gl.getUniformLocation(program, name);
    }
    return { program, places };
  }

  buffer(location, data, size, type, use) {
    const { gl } = this;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, use);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, size, type, type === gl.UNSIGNED_BYTE, 0, 0);
    return buffer;
  }

  indices(data) {
    const { gl } = this;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, data, gl.STATIC_DRAW);
    return { buffer, size: data.length };
  }

  draw(frame, camera, background) {
    const { gl, canvas, head, programs } = this;
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.max(1, Math.round(canvas.clientWidth * scale));
    const height = Math.max(1, Math.round(canvas.clientHeight * scale));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    gl.viewport(0, 0, width, height);
    gl.clear(gl.DEPTH_BUFFER_BIT);
    gl.disable(gl.DEPTH_TEST);
    gl.bindVertexArray(this.empty);
    const { places } = this.use(programs.back);
    gl.uniform2f(places.size, width, height);
    gl.uniform3fv(places.middle, background[0]);
    gl.uniform3fv(places.corner, background[1]);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindVertexArray(this.vertices);
    if (head.pose(frame)) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.positions);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, head.positions);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.normals);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, head.normals);
    }
    gl.enable(gl.DEPTH_TEST);
    this.drawHead(camera);
    if (this.wires) this.drawWires(camera);
  }

  use(drawing, camera) {
    const { gl } = this;
    const { program, places } = drawing;
    gl.useProgram(program);
    if (camera) {
      gl.uniformMatrix3fv(places.axes, false, camera.axes);
      gl.uniform3fv(places.eye, camera.eye);
      gl.uniform4fv(places.lens, camera.lens);
    }
    return drawing;
  }

  drawHead(camera) {
    const { gl } = this;
    const { places } = this.use(this.programs.head, camera);
    const { light, materials } = this.about;
    gl.uniform3fv(places.directions, light.directions.flat());
    gl.uniform3fv(places.radiances, light.radiances.flat());
    for (const name of ["sky", "ground"]) gl.uniform3fv(places[name], light[name]);
    for (const name of ["reflectance", "knee", "glossiest"]) gl.uniform1f(places[name], light[name]);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.triangles.buffer);
    gl.uniform1f(places.side, 1);
    let first = 0;
    for (const { faces, roughness, wrap, lining } of materials) {
      gl.uniform4fv(places.lens, lining ? moved(camera.lens, LININGS) : camera.lens);
      gl.uniform1f(places.roughness, roughness);
      gl.uniform3fv(places.wrap, wrap);
      gl.drawElements(gl.TRIANGLES, 3 * faces, gl.UNSIGNED_INT, 12 * first);
      first += faces;
    }
    gl.uniform1f(places.side, -1);
    gl.uniform4fv(places.lens, moved(camera.lens, INSIDE));
    gl.cullFace(gl.FRONT);
    gl.drawElements(gl.TRIANGLES, this.triangles.size, gl.UNSIGNED_INT, 0);
    gl.cullFace(gl.BACK);
  }

  drawWires(camera) {
    const { gl } = this;
    const { places } = this.use(this.programs.wires, { ...camera, lens: moved(camera.lens, WIRES) });
    this.lines ??= this.indices(this.head.edges());
    gl.uniform4f(places.ink, 0.02, 0.1, 0.18, 0.42);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.lines.buffer);
    gl.enable(gl.BLEND);
    gl.drawElements(gl.LINES, this.lines.size, gl.UNSIGNED_INT, 0);
    gl.disable(gl.BLEND);
  }
}
