// Plays decoded sound: one buffer, or pieces that come while it plays, without a gap between them.
(() => {
  const sound = window.eddylineSound;
  if (sound.Deck) return; // the head may be put in twice
  const AHEAD = 0.02, FADE = 0.008; // seconds: until what is scheduled begins, and of every change from one sound to another
  const decks = new Set();

  sound.Deck = class {
    // ``changed`` is called when playing begins, ends or stalls.
    constructor(changed) {
      Object.assign(this, {changed, parts: [], rate: 0, growing: false, repeat: false, volume: 1});
      Object.assign(this, {context: null, voice: null, playing: false, place: 0, begun: 0, row: new Float32Array(0), mixed: 0});
      decks.add(this);
    }

    get frames() { const last = this.parts.at(-1); return last ? last.at + last.buffer.length : 0; }
    get seconds() { return this.rate ? this.frames / this.rate : 0; }

    // Where it is, in seconds. It stands at the end of what is there while more is awaited.
    get now() {
      if (!this.playing || !this.voice) return this.place;
      const at = this.place + Math.max(0, this.context.currentTime - this.begun);
      return this.voice.looped && this.seconds ? at % this.seconds : Math.min(at, this.seconds);
    }

    // Replaces everything; with ``keep`` it goes on at the same place, as loud and as fast as before.
    load(buffers, {keep = false, growing = false} = {}) {
      const place = keep ? this.now : 0, going = keep && this.playing, moving = going && !this.waiting;
      if (!keep) this.pause();
      this.growing = growing;
      Object.assign(this, {parts: [], row: new Float32Array(0), mixed: 0});
      const rate = buffers[0]?.sampleRate || this.rate;
      if (this.context && this.context.sampleRate !== rate) this.close();
      this.rate = rate;
      for (const buffer of buffers) this.parts.push({buffer, at: this.frames});
      this.place = Math.min(place, this.seconds);
      if (going) this.start(this.place, moving);
      this.changed();
    }

    // One more piece at the end; heard at once if the sound had come to an end without it.
    add(buffer) {
      const part = {buffer, at: this.frames}, waited = this.waiting;
      if (!this.parts.length) this.rate = buffer.sampleRate;
      if (this.context && this.context.sampleRate !== this.rate) this.close();
      this.parts.push(part);
      if (this.playing) {
        if (waited || !this.voice) this.start(part.at / this.rate);
        else this.schedule(part);
      }
      this.changed();
    }

    get waiting() { return this.playing && this.growing && this.now >= this.seconds - 1e-4; }

    async play() {
      for (const other of decks) if (other !== this) other.pause();
      if (!this.growing && this.place >= this.seconds - 0.01) this.place = 0;
      this.playing = true;
      this.open();
      this.start(this.place);
      this.changed();
      // A browser that wants a click first leaves the promise open; then it is for the person to press play.
      if (this.context.state !== 'running') {
        const patience = navigator.userActivation?.hasBeenActive ? 5000 : 400; // a busy machine is slow to open a device
        await Promise.race([this.context.resume(), new Promise((done) => setTimeout(done, patience))]);
        if (this.context && this.context.state !== 'running') this.pause();
      }
    }

    pause() {
      if (!this.playing) return;
      this.place = this.now;
      this.playing = false;
      this.silence();
      this.changed();
    }

    seek(seconds) {
      this.place = Math.min(Math.max(seconds, 0), this.seconds);
      if (this.playing) this.start(this.place);
      this.changed();
    }

    // Called for every frame that is drawn: has it come to its end?
    look() {
      if (!this.playing || this.growing || this.voice?.looped || this.now < this.seconds) return;
      if (this.repeat) { this.start(0); return; }
      this.playing = false;
      this.place = this.seconds;
      this.silence();
      this.changed();
    }

    setVolume(volume) {
      this.volume = volume;
      if (this.voice) this.voice.gain.gain.setTargetAtTime(volume, this.context.currentTime, 0.01);
    }

    setRepeat(on) {
      const now = this.now;
      this.repeat = on;
      if (this.playing) this.start(now, !this.waiting);
    }

    // Ready before there is anything to play: opening a sound device takes longer than a piece may wait.
    open() {
      if (this.context) return;
      const rate = this.rate || 24000;
      this.context = new AudioContext({sampleRate: rate, latencyHint: 'interactive'});
      this.rate ||= rate;
    }

    close() {
      this.silence();
      this.context?.close();
      this.context = null;
    }

    // ``moving``: it plays already, and goes on while the change is on its way to the ear.
    start(place, moving = false) {
      this.open();
      const gain = this.context.createGain(), now = this.context.currentTime;
      // On a sample of the device: between two of them every piece would be a little blurred.
      this.begun = Math.ceil((now + AHEAD) * this.rate) / this.rate;
      this.silence(this.begun);
      gain.connect(this.context.destination);
      this.voice = {gain, sources: [], looped: this.repeat && this.parts.length === 1 && !this.growing};
      gain.gain.setValueAtTime(0, this.begun);
      gain.gain.linearRampToValueAtTime(this.volume, this.begun + FADE);
      this.place = Math.round((place + (moving ? this.begun - now : 0)) * this.rate) / this.rate;
      for (const part of this.parts) this.schedule(part);
    }

    schedule({buffer, at}) {
      const first = Math.round(this.place * this.rate) - at;
      if (first >= buffer.length) return;
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.loop = this.voice.looped;
      source.connect(this.voice.gain);
      const when = this.begun + Math.max(0, -first) / this.rate;
      // Late, where the page was busy: it begins within itself, so that what follows stays in time.
      const late = Math.max(0, this.context.currentTime - when);
      const offset = Math.max(0, first) / this.rate + late;
      if (late && offset >= buffer.duration) return;
      source.start(when + late, offset);
      this.voice.sources.push(source);
    }

    // Fades out as what takes its place fades in, so that both of one sound are together as loud as either.
    silence(when = (this.context?.currentTime || 0) + AHEAD) {
      if (!this.voice || !this.context) return;
      const {gain, sources} = this.voice;
      gain.gain.cancelScheduledValues(when);
      gain.gain.setValueAtTime(this.volume, when);
      gain.gain.linearRampToValueAtTime(0, when + FADE);
      for (const source of sources) source.stop(when + FADE);
      this.voice = null;
    }

    // The whole as one row of numbers for drawing and measuring, the channels' mean.
    mono() {
      const [only] = this.parts;
      if (this.parts.length === 1 && only.buffer.numberOfChannels === 1) return only.buffer.getChannelData(0);
      if (this.row.length < this.frames) { // room for as much again: pieces come by the hundred
        const wider = new Float32Array(2 * this.frames);
        wider.set(this.row.subarray(0, this.mixed));
        this.row = wider;
      }
      for (const {buffer, at} of this.parts) {
        if (at < this.mixed) continue;
        for (let c = 0; c < buffer.numberOfChannels; c++) {
          const samples = buffer.getChannelData(c);
          for (let i = 0; i < samples.length; i++) this.row[at + i] += samples[i] / buffer.numberOfChannels;
        }
      }
      this.mixed = this.frames;
      return this.row.subarray(0, this.frames);
    }

    // Samples from one second to another, each channel by itself.
    cut(start, end) {
      const from = Math.round(start * this.rate), to = Math.min(Math.round(end * this.rate), this.frames);
      const count = Math.max(...this.parts.map(({buffer}) => buffer.numberOfChannels));
      return Array.from({length: count}, (_, c) => {
        const row = new Float32Array(Math.max(0, to - from));
        for (const {buffer, at} of this.parts) {
          const samples = buffer.getChannelData(Math.min(c, buffer.numberOfChannels - 1));
          const first = Math.max(from, at), last = Math.min(to, at + samples.length);
          if (first < last) row.set(samples.subarray(first - at, last - at), first - from);
        }
        return row;
      });
    }
  };
})();
