// The page: its controls, gestures, keys and notices. The last of the scripts, it opens the page.

function tell(message) {
  byId("message").textContent = message;
  byId("message").hidden = !message;
}

class Page {
  constructor(about, arrays) {
    this.about = about;
    this.canvas = byId("picture");
    this.head = new Head(about, arrays);
    this.picture = new Picture(this.canvas, this.head, about, arrays.surface);
    if (!this.picture.gl) throw new Error("This page needs WebGL 2, which this browser does not have or has switched off.");
    this.orbit = new Orbit(about.views, about.view);
    const sound = bytesOf("sound");
    const audio = sound.length ? new Audio(URL.createObjectURL(new Blob([sound], { type: "audio/mpeg" }))) : null;
    this.player = new Player(audio, about.frames / about.fps, () => this.change());
    this.audio = audio;
    this.label();
    this.addControls();
    this.addGestures();
    this.addKeys();
    this.setTheme(matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
    this.readAddress();
    new ResizeObserver(() => this.show(performance.now())).observe(this.canvas); // at once, or it is stretched a moment
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => (this.picture.prepare(), this.change()));
    byId("bar").hidden = byId("start").hidden = false;
  }

  label() {
    const { subject, model, head, frames, fps } = this.about;
    const seconds = (frames / fps).toFixed(1);
    const who = subject || head;
    const small = document.createElement("small");
    small.textContent = `${model ? `${model}, ` : ""}${seconds} s, ${frames} frames at ${+fps.toFixed(3)} a second`;
    byId("caption").append(who, small);
    this.canvas.setAttribute("aria-label", `A speaking head, ${who}. Drag or press shift and an arrow to turn it.`);
    byId("mute").hidden = !this.audio;
    byId("full").hidden = !document.fullscreenEnabled;
    const names = Object.keys(this.about.views.named);
    byId("view").append(...names.map((name) => new Option(name.replace("-", " "), name)));
  }

  // Draws soon, once however often it is asked.
  change() {
    this.waiting ||= requestAnimationFrame((now) => {
      this.waiting = 0;
      this.show(now);
      if (this.player.playing) this.change();
    });
  }

  show(now) {
    const time = this.player.tick(now);
    const { frames, fps } = this.about;
    const { canvas, picture, orbit } = this;
    if (picture.gl.isContextLost()) return;
    const exact = time * fps;
    const near = Math.abs(exact - Math.round(exact)) < 1e-3 ? Math.round(exact) : exact; // a frame itself, when stepped to
    picture.draw(near, orbit.camera(canvas.clientWidth / Math.max(canvas.clientHeight, 1)), this.background());
    const frame = Math.min(Math.floor(near), frames - 1);
    this.showTime(time, frame);
  }

  showTime(time, frame) {
    const { player } = this;
    document.body.classList.toggle("playing", player.playing);
    for (const id of ["play", "start"]) byId(id).setAttribute("aria-label", player.playing ? "Pause" : "Play");
    if (player.playing) byId("start").hidden = true;
    const small = document.createElement("small");
    small.textContent = `frame ${frame}`;
    byId("time").replaceChildren(`${clock(time)} / ${clock(player.duration)}`, small);
    byId("place").max = player.duration;
    if (!this.scrubbing) byId("place").value = time;
    byId("place").setAttribute("aria-valuetext", `${time.toFixed(2)} of ${player.duration.toFixed(2)} seconds, frame ${frame}`);
  }

  background() {
    return this.about.backgrounds[document.documentElement.dataset.theme];
  }

  setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    this.change();
  }

  step(frames) {
    const { player, about } = this;
    if (player.playing) player.pause();
    const frame = Math.floor(player.time * about.fps + 1e-3) + frames;
    player.seek(Math.min(Math.max(frame, 0), about.frames - 1) / about.fps);
  }

  toggle() {
    if (this.player.playing) this.player.pause();
    else this.player.play();
  }

  press(id, on) {
    byId(id).setAttribute("aria-pressed", on);
    this.change();
    return on;
  }

  setLoop(on) {
    this.player.looping = this.press("loop", on);
  }

  setMute(on) {
    if (this.audio) this.audio.muted = this.press("mute", on);
  }

  setWires(on) {
    this.picture.wires = this.press("wires", on);
  }

  setView(name) {
    this.orbit.choose(name);
    byId("view").value = this.orbit.name;
    this.change();
  }

  faster(steps) {
    const speed = byId("speed");
    speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + steps, 0), speed.options.length - 1);
    this.player.setSpeed(+speed.value);
  }

  addControls() {
    const { player } = this;
    const click = (id, act) => byId(id).addEventListener("click", act);
    click("play", () => this.toggle());
    click("start", () => (this.toggle(), byId("play").focus()));
    click("back", () => this.step(-1));
    click("next", () => this.step(1));
    click("loop", () => this.setLoop(!player.looping));
    click("mute", () => this.setMute(!this.audio.muted));
    click("wires", () => this.setWires(!this.picture.wires));
    click("theme", () => this.setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
    click("full", () => this.fullScreen());
    click("help", () => byId("keys").showModal());
    byId("view").addEventListener("change", () => this.setView(byId("view").value));
    byId("speed").addEventListener("change", () => player.setSpeed(+byId("speed").value));
    byId("bar").addEventListener("submit", (event) => event.preventDefault());
    byId("place").addEventListener("input", () => {
      this.scrubbing = true;
      player.seek(+byId("place").value);
    });
    byId("place").addEventListener("change", () => (this.scrubbing = false));
  }

  fullScreen() {
    const asked = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    asked.catch(() => tell("The browser does not allow full screen here."));
  }

  // One pointer turns, or with the right button or shift moves the picture; two pinch and move it.
  addGestures() {
    const { canvas, orbit } = this;
    const fingers = new Map();
    const middle = () => {
      const all = [...fingers.values()];
      const [x, y] = ["x", "y"].map((axis) => all.reduce((sum, finger) => sum + finger[axis], 0) / all.length);
      return { x, y, spread: all.length > 1 ? Math.hypot(all[0].x - all[1].x, all[0].y - all[1].y) : 0 };
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      const before = middle();
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const after = middle();
      const x = (after.x - before.x) / canvas.clientHeight, y = (after.y - before.y) / canvas.clientHeight;
      if (fingers.size > 1 || event.buttons & 2 || event.shiftKey) orbit.shift(x, -y);
      else orbit.turn(4 * x, 4 * y);
      if (before.spread && after.spread) orbit.nearer(after.spread / before.spread);
      this.change();
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => fingers.delete(event.pointerId));
    }
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      orbit.nearer(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
      this.change();
    }, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => this.setView(orbit.name));
  }

  addKeys() {
    const { player, orbit, about } = this;
    const turn = (x, y) => () => (orbit.turn(x, y), this.change());
    const shifted = { ArrowLeft: turn(0.1, 0), ArrowRight: turn(-0.1, 0), ArrowUp: turn(0, 0.1), ArrowDown: turn(0, -0.1) };
    const plain = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      PageUp: () => player.seek(player.time - 1),
      PageDown: () => player.seek(player.time + 1),
      Home: () => player.seek(0),
      End: () => player.seek((about.frames - 1) / about.fps),
      ",": () => this.faster(-1),
      ".": () => this.faster(1),
      "+": () => (orbit.nearer(1.15), this.change()),
      "=": () => (orbit.nearer(1.15), this.change()),
      "-": () => (orbit.nearer(1 / 1.15), this.change()),
      0: () => this.setView(orbit.name),
      l: () => byId("loop").click(),
      m: () => byId("mute").click(),
      w: () => byId("wires").click(),
      t: () => byId("theme").click(),
      f: () => byId("full").click(),
      "?": () => byId("help").click(),
    };
    Object.keys(about.views.named).forEach((name, place) => (plain[place + 1] = () => this.setView(name)));
    document.addEventListener("keydown", (event) => {
      const { key, target } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("select, dialog")) return;
      if (key === " " && target.closest("button")) return;
      const act = (event.shiftKey && shifted[key]) || plain[key.length === 1 ? key.toLowerCase() : key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  // #t=3.37&view=front&yaw=30&pitch=-10&zoom=2&theme=light&wires=1: how the page opens, for links and for tests.
  readAddress() {
    const asked = new URLSearchParams(location.hash.slice(1));
    this.setView(asked.get("view") ?? this.orbit.name);
    const [yaw, pitch, zoom] = ["yaw", "pitch", "zoom"].map((name) => +asked.get(name) || 0);
    this.orbit.turn(-yaw * DEGREE, pitch * DEGREE);
    if (zoom > 0) this.orbit.nearer(zoom);
    if (["dark", "light"].includes(asked.get("theme"))) this.setTheme(asked.get("theme"));
    this.setWires(asked.get("wires") === "1");
    if (+asked.get("t") > 0) this.player.seek(+asked.get("t"));
  }
}

function clock(seconds) {
  const whole = Math.floor(seconds * 100 + 1e-6);
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(whole / 6000)}:${two(Math.floor(whole / 100) % 60)}.${two(whole % 100)}`;
}

async function openPage() {
  if (!window.DecompressionStream) throw new Error("This browser is too old for this page: use a current one.");
  const about = JSON.parse(byId("about").textContent);
  return new Page(about, await readArrays(about.arrays));
}

const opened = openPage(); // for whoever adds a script
opened.catch((error) => tell(error.message));
