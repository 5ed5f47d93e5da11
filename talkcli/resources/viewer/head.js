// The page's data, and from it the head: its rest, what moves it, and the normals of each pose. Letters: T frames, V
// vertices, L lined ones, F triangles, K components, M vertices that move.
"use strict";

const byId = (id) => document.getElementById(id);

function bytesOf(id) {
  const text = atob(byId(id).textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const KINDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array };

// Arrays by name: of each number the difference to the one before was kept, its sign in the lowest bit, in planes of bytes.
async function readArrays(headers) {
  const stream = new Blob([bytesOf("data")]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const arrays = {};
  let place = 0;
  for (const { name, type, size } of headers) {
    const array = (arrays[name] = new KINDS[type](size));
    const width = array.BYTES_PER_ELEMENT;
    for (let i = 0, last = 0; i < size; i++) {
      let coded = 0;
      for (let plane = width - 1; plane >= 0; plane--) coded = (coded << 8) | bytes[place + plane * size + i];
      last += (coded >>> 1) ^ -(coded & 1);
      array[i] = last; // wraps, as the differences did
    }
    place += width * size;
  }
  return arrays;
}

class Head {
  constructor(about, arrays) {
    const { template, lined, faces, moved, shapes, weights, neck, turn } = arrays;
    Object.assign(this, { moved, shapes, weights, lined, frames: about.frames, scales: about.scales });
    Object.assign(this, { neck, turn, pivot: about.pivot, angle: about.angle });
    this.own = template.length / 3; // V
    this.count = this.own + lined.length; // V + L
    this.rest = new Float32Array(template.length); // (V, 3)
    for (let axis = 0; axis < 3; axis++) {
      for (let i = 0; i < this.own; i++) {
        this.rest[3 * i + axis] = about.low[axis] + about.step * template[axis * this.own + i];
      }
    }
    const triangles = faces.length / 3;
    this.faces = new Uint32Array(faces.length); // (F, 3)
    for (let i = 0; i < faces.length; i++) this.faces[i] = faces[(i % 3) * triangles + Math.floor(i / 3)];
    this.positions = new Float32Array(3 * this.count);
    this.normals = new Float32Array(3 * this.count);
    this.moves = new Float32Array(3 * moved.length); // (3, M)
    this.positions.set(this.rest);
    this.posed = -1;
  }

  // Poses the head at a frame, between two where it is no whole one; false where it stands like that already.
  pose(frame) {
    frame = Math.min(Math.max(frame, 0), this.frames - 1);
    if (frame === this.posed) return false;
    this.posed = frame;
    this.addUp(Math.floor(frame), frame - Math.floor(frame));
    const { positions, rest, moves, moved, own, lined } = this;
    if (this.turn) positions.set(rest); // what does not move by itself turns as well
    for (let i = 0, size = moved.length; i < size; i++) {
      for (let axis = 0; axis < 3; axis++) {
        positions[3 * moved[i] + axis] = rest[3 * moved[i] + axis] + moves[axis * size + i];
      }
    }
    if (this.turn) this.turnHead(Math.floor(frame), frame - Math.floor(frame));
    for (let i = 0; i < lined.length; i++) {
      for (let axis = 0; axis < 3; axis++) positions[3 * (own + i) + axis] = positions[3 * lined[i] + axis];
    }
    this.light();
    return true;
  }

  addUp(frame, share) {
    const { moves, shapes, weights, scales, frames } = this;
    const next = Math.min(frame + 1, frames - 1);
    moves.fill(0);
    for (let k = 0; k < scales.length; k++) {
      const row = k * frames;
      const weight = scales[k] * (weights[row + frame] * (1 - share) + weights[row + next] * share);
      if (weight === 0) continue;
      for (let i = 0, from = k * moves.length; i < moves.length; i++) moves[i] += weight * shapes[from + i];
    }
  }

  // Turns each vertex by its share of the head's yaw, pitch and roll: right-handed about y, x and z, the yaw outermost.
  turnHead(frame, share) {
    const { positions: p, neck, turn, pivot, angle, frames, own } = this;
    const next = Math.min(frame + 1, frames - 1);
    const at = (axis) => angle * (turn[axis * frames + frame] * (1 - share) + turn[axis * frames + next] * share);
    const [cy, cx, cz] = [at(0), at(1), at(2)].map(Math.cos), [sy, sx, sz] = [at(0), at(1), at(2)].map(Math.sin);
    const m = [
      cy * cz + sy * sx * sz - 1, sy * sx * cz - cy * sz, sy * cx,
      cx * sz, cx * cz - 1, -sx,
      cy * sx * sz - sy * cz, sy * sz + cy * sx * cz, cy * cx - 1,
    ];
    for (let i = 0; i < own; i++) {
      const weight = neck[i] / 65535;
      if (weight === 0) continue;
      const x = p[3 * i] - pivot[0], y = p[3 * i + 1] - pivot[1], z = p[3 * i + 2] - pivot[2];
      for (let axis = 0; axis < 3; axis++) {
        p[3 * i + axis] += weight * (m[3 * axis] * x + m[3 * axis + 1] * y + m[3 * axis + 2] * z);
      }
    }
  }

  // Normals: the mean of the triangles round a vertex, weighted by their area. The shader makes them unit.
  light() {
    const { positions: p, normals: n, faces } = this;
    n.fill(0);
    for (let i = 0; i < faces.length; i += 3) {
      const a = 3 * faces[i], b = 3 * faces[i + 1], c = 3 * faces[i + 2];
      const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
      const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
      const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
      n[a] += x, n[a + 1] += y, n[a + 2] += z;
      n[b] += x, n[b + 1] += y, n[b + 2] += z;
      n[c] += x, n[c + 1] += y, n[c + 2] += z;
    }
  }

  // (E, 2) every edge once.
  edges() {
    const seen = new Set();
    const edges = [];
    for (let i = 0; i < this.faces.length; i++) {
      const a = this.faces[i], b = this.faces[i % 3 === 2 ? i - 2 : i + 1];
      const key = Math.min(a, b) * this.count + Math.max(a, b);
      if (!seen.has(key)) seen.add(key), edges.push(a, b);
    }
    return new Uint32Array(edges);
  }
}
