// The frames of a clip, and what is drawn of them. They come on sheets (studio/frames.py) and are cut apart here: drawn
// larger straight off a sheet, each would be edged with what stands beside it.
(() => {
  const clip = window.eddylineClip ||= {};
  if (clip.Reel) return; // the head may be put in twice
  const BRIGHTER = 2; // doublings of a difference: four times as bright, so that a tenth is seen
  const loaded = async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    return image;
  };

  clip.Reel = class {
    constructor() { this.clear(); }

    clear() { Object.assign(this, {frames: [], rate: 10, width: 0, height: 0, changes: []}); }

    get seconds() { return this.frames.length / this.rate; }

    // One more sheet at the end.
    async add(told) {
      const sheet = await loaded(told.picture), {frames, columns, width, height, rate} = told;
      const places = Array.from({length: frames}, (_, n) => [(n % columns) * width, Math.floor(n / columns) * height]);
      const cut = await Promise.all(places.map(([x, y]) => createImageBitmap(sheet, x, y, width, height)));
      Object.assign(this, {rate, width, height});
      this.frames.push(...cut);
    }

    static async of(told) {
      const reel = new clip.Reel();
      await reel.add(told);
      return reel;
    }

    // Frame ``n`` into a box of a canvas: as large as fits, in its middle.
    draw(ink, n, {x = 0, y = 0, width, height}) {
      const frame = this.frames[n];
      if (!frame) return;
      const scale = Math.min(width / frame.width, height / frame.height);
      const wide = frame.width * scale, high = frame.height * scale;
      ink.drawImage(frame, x + (width - wide) / 2, y + (height - high) / 2, wide, high);
    }
  };

  // What changed from frame ``m`` of one clip to frame ``n`` of another, on black, brightened.
  clip.difference = (ink, before, m, after, n, box) => {
    const {x = 0, y = 0, width, height} = box;
    ink.save();
    ink.beginPath();
    ink.rect(x, y, width, height);
    ink.clip();
    ink.fillStyle = '#000';
    ink.fillRect(x, y, width, height);
    before.draw(ink, m, box);
    ink.globalCompositeOperation = 'difference';
    // On black of its own: where it is transparent, the other clip's colour is the difference.
    after.draw(ink, n, box);
    ink.restore();
    ink.save();
    ink.globalCompositeOperation = 'lighter';
    for (let k = 0; k < BRIGHTER; k++) ink.drawImage(ink.canvas, x, y, width, height, x, y, width, height);
    ink.restore();
  };

  // The mean difference of two frames, transparency weighed in, from 0 to 1.
  const small = document.createElement('canvas');
  clip.changed = (before, m, after, n) => {
    const width = small.width = Math.min(64, after.width), height = small.height = Math.max(1, Math.round(width * after.height / after.width));
    const ink = small.getContext('2d', {willReadFrequently: true});
    const pixels = [[before, m], [after, n]].map(([reel, at]) => {
      ink.clearRect(0, 0, width, height);
      reel.draw(ink, at, {width, height});
      return ink.getImageData(0, 0, width, height).data;
    });
    let sum = 0;
    const [a, b] = pixels;
    for (let i = 0; i < a.length; i += 4) {
      const over = a[i + 3] / 255, under = b[i + 3] / 255;
      for (let c = 0; c < 3; c++) sum += Math.abs(a[i + c] * over - b[i + c] * under);
      sum += Math.abs(a[i + 3] - b[i + 3]);
    }
    return sum / a.length / 255;
  };

  // The frame of another clip that is seen at the same time.
  clip.beside = (other, n) => (other.frames.length ? n % other.frames.length : 0);
})();
