// Where the camera stands: at one of the views, turned, moved and nearer or farther as the user likes.

const DEGREE = Math.PI / 180;
const STEEPEST = 1.2; // radians up or down
const NEAREST = 0.25, FARTHEST = 4; // times the view's own distance

class Orbit {
  constructor(views, view) {
    this.views = views;
    this.name = view in views.named ? view : Object.keys(views.named)[0];
    Object.assign(this, { yaw: 0, pitch: 0, right: 0, up: 0, zoom: 1 }); // changes to the view
  }

  choose(name) {
    if (!(name in this.views.named)) return;
    Object.assign(this, { name, yaw: 0, pitch: 0, right: 0, up: 0, zoom: 1 });
  }

  // Where the named view stands for this ratio of width to height: right, up and back of the pivot.
  stand(ratio) {
    const { ratios, named } = this.views;
    const { stands } = named[this.name];
    const last = ratios.length - 1;
    const place = Math.min(Math.max(ratios.findIndex((known) => known > ratio), 0) || (ratio < ratios[0] ? 0 : last), last);
    if (ratio <= ratios[0] || place === 0) return ratio <= ratios[0] ? stands[0] : stands[last];
    if (ratio >= ratios[last]) return stands[last];
    const share = (ratio - ratios[place - 1]) / (ratios[place] - ratios[place - 1]);
    return stands[place].map((value, axis) => stands[place - 1][axis] * (1 - share) + value * share);
  }

  turn(right, up) {
    const view = this.views.named[this.name].pitch * DEGREE;
    this.yaw -= right;
    this.pitch = Math.min(Math.max(this.pitch + up, -STEEPEST - view), STEEPEST - view);
  }

  // In picture heights.
  shift(right, up) {
    const size = 2 * this.stand(1)[2] * this.zoom / this.views.focal;
    const most = this.stand(1)[2] / this.views.focal;
    this.right = Math.min(Math.max(this.right - right * size, -most), most);
    this.up = Math.min(Math.max(this.up - up * size, -most), most);
  }

  nearer(factor) {
    this.zoom = Math.min(Math.max(this.zoom / factor, NEAREST), FARTHEST);
  }

  camera(ratio) {
    const { pivot, focal, named } = this.views;
    const yaw = named[this.name].yaw * DEGREE + this.yaw;
    const pitch = named[this.name].pitch * DEGREE + this.pitch;
    const back = [Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch)];
    const right = [Math.cos(yaw), 0, -Math.sin(yaw)];
    const up = [-Math.sin(yaw) * Math.sin(pitch), Math.cos(pitch), -Math.cos(yaw) * Math.sin(pitch)];
    const [x, y, z] = this.stand(ratio);
    const away = [x + this.right, y + this.up, z * this.zoom];
    const eye = pivot.map((value, i) => value + right[i] * away[0] + up[i] * away[1] + back[i] * away[2]);
    const near = away[2] / 20, far = away[2] * 5;
    const lens = [focal / ratio, focal, (near + far) / (near - far), 2 * near * far / (near - far)];
    return { eye, axes: [...right, ...up, ...back], lens };
  }
}
