// What time it is in the clip.

const DRIFT = 0.06; // seconds by which the picture may be ahead of the sound before it waits
const LOST = 0.25; // seconds between picture and sound from which the picture jumps
const CATCH_UP = 0.15; // seconds in which most of a smaller difference is made up
const STUCK = 2000; // milliseconds after which a sound that does not move is given up

// Time goes by the sound's own clock, which tells it in steps: between them, ours runs on and is drawn towards it.
class Player {
  constructor(audio, duration, onChange) {
    Object.assign(this, { audio, duration, onChange, time: 0, playing: false, looping: false, speed: 1, at: 0 });
    if (!audio) return;
    audio.addEventListener("ended", () => this.end());
    audio.addEventListener("error", () => this.giveUp("This browser cannot play the sound: the picture moves without it."));
  }

  giveUp(message) {
    if (!this.audio) return;
    this.audio.pause();
    this.audio = null;
    tell(message);
  }

  play() {
    if (this.time >= this.duration - 1e-3) this.seek(0);
    this.playing = true;
    this.moved = this.at = performance.now();
    if (this.audio) {
      this.audio.currentTime = this.time;
      this.from = this.heard = this.audio.currentTime;
      this.audio.playbackRate = this.speed;
      this.audio.play().catch((error) => {
        if (error.name === "NotAllowedError") this.pause();
      });
    }
    this.onChange();
  }

  pause() {
    this.playing = false;
    this.audio?.pause();
    this.onChange();
  }

  seek(time) {
    this.time = Math.min(Math.max(time, 0), this.duration);
    this.moved = this.at = performance.now();
    if (this.audio) {
      this.audio.currentTime = this.time;
      this.from = this.audio.currentTime;
    }
    this.onChange();
  }

  setSpeed(speed) {
    this.speed = speed;
    if (this.audio) this.audio.playbackRate = speed;
    this.onChange();
  }

  end() {
    if (!this.playing) return;
    this.time = this.duration;
    if (this.looping) {
      this.seek(0);
      this.play();
    } else this.pause();
  }

  // The time now, moved on while it plays.
  tick(now) {
    if (!this.playing) return this.time;
    const passed = Math.max(now - this.at, 0) / 1000 * this.speed;
    this.at = now;
    const { audio } = this;
    if (audio) this.follow(audio, passed, now);
    else if ((this.time += passed) >= this.duration) this.end();
    return this.time;
  }

  follow(audio, passed, now) {
    const heard = audio.currentTime;
    if (heard !== this.heard) this.moved = now;
    this.heard = heard;
    if (now - this.moved > STUCK) return this.giveUp("The sound does not play here: the picture moves without it.");
    if (audio.seeking || heard === this.from) return; // it has not begun
    this.from = -1;
    const off = heard - (this.time + passed);
    if (Math.abs(off) > LOST) this.time = heard;
    else if (off > -DRIFT) this.time = Math.max(this.time, this.time + passed + off * (1 - Math.exp(-passed / CATCH_UP)));
    this.time = Math.min(this.time, this.duration);
  }
}
