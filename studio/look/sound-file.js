// Sound files in the browser: decoded at their own rate, and a part of one written as a WAV that says what it is.
(() => {
  const sound = window.eddylineSound;
  if (sound.decode) return; // the head may be put in twice
  const text = (view, at, length) => String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));

  // Chunks of a RIFF file: name to where its content lies; nothing of any other file.
  function chunks(bytes) {
    const view = new DataView(bytes), found = [];
    if (view.byteLength < 12 || text(view, 0, 4) !== 'RIFF' || text(view, 8, 4) !== 'WAVE') return found;
    for (let at = 12; at + 8 <= view.byteLength && found.length < 1000;) {
      const size = view.getUint32(at + 4, true);
      found.push({name: text(view, at, 4), at: at + 8, size: Math.min(size, view.byteLength - at - 8)});
      at += 8 + size + size % 2;
    }
    return found;
  }

  // An AudioBuffer with the very samples of the file where it is a WAV: a decoder resamples to the rate that it is given.
  sound.decode = async (bytes) => {
    const form = chunks(bytes).find((chunk) => chunk.name === 'fmt ');
    const stated = form ? new DataView(bytes).getUint32(form.at + 4, true) : 48000;
    const rate = Math.min(Math.max(stated, 8000), 96000);
    return new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.slice(0)); // it takes what it is given away
  };

  // What a file says of itself, for a part of it from ``start`` to ``end`` seconds: settings and AI mark stay, words go
  // along with their new times. Nothing where the file is no WAV, or says nothing.
  sound.marks = (bytes, start, end) => chunks(bytes)
    .filter(({name}) => name === 'LIST' || name === '_PMX')
    .map(({name, at, size}) => ({name, body: name === 'LIST' ? retimed(bytes, at, size, start, end) : new Uint8Array(bytes, at, size)}));

  function retimed(bytes, at, size, start, end) {
    const body = new Uint8Array(bytes, at, size), head = text(new DataView(bytes), at, Math.min(8, size));
    if (head !== 'INFOICMT') return body;
    const length = new DataView(bytes).getUint32(at + 8, true);
    const said = new TextDecoder().decode(body.subarray(12, 12 + length)).replace(/\0+$/, '');
    let held;
    try { held = JSON.parse(said); } catch { return body; } // another program's comment
    if (!held?.kind) return body;
    delete held.asset; // of the library's whole
    if (held.words) {
      held.words = held.words.filter((word) => word[1] < end && word[2] > start)
        .map(([word, from, to]) => [word, Math.max(0, from - start), Math.min(to, end) - start]);
    }
    const ascii = JSON.stringify(held).replace(/[^\x20-\x7e]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const written = new TextEncoder().encode(`${ascii}\0`), room = new Uint8Array(12 + written.length + written.length % 2);
    room.set(new TextEncoder().encode('INFOICMT'));
    new DataView(room.buffer).setUint32(8, written.length, true);
    room.set(written, 12);
    return room;
  }

  // A WAV of 32-bit floats: what was decoded, bit for bit.
  sound.wav = (channels, rate, marks = []) => {
    const frames = channels[0].length, data = frames * channels.length * 4;
    const more = marks.reduce((sum, {body}) => sum + 8 + body.length + body.length % 2, 0);
    const bytes = new ArrayBuffer(56 + 2 + data + more), view = new DataView(bytes);
    let at = 0;
    const name = (word) => { for (const sign of word) view.setUint8(at++, sign.charCodeAt(0)); };
    const number = (value, size = 4) => { if (size === 4) view.setUint32(at, value, true); else view.setUint16(at, value, true); at += size; };
    name('RIFF'); number(bytes.byteLength - 8); name('WAVE');
    name('fmt '); number(18); number(3, 2); number(channels.length, 2); number(rate);
    number(rate * channels.length * 4); number(channels.length * 4, 2); number(32, 2); number(0, 2);
    name('fact'); number(4); number(frames);
    name('data'); number(data);
    for (let i = 0; i < frames; i++) for (const samples of channels) { view.setFloat32(at, samples[i], true); at += 4; }
    for (const mark of marks) {
      name(mark.name); number(mark.body.length);
      new Uint8Array(bytes, at, mark.body.length).set(mark.body);
      at += mark.body.length + mark.body.length % 2;
    }
    return new Blob([bytes], {type: 'audio/wav'});
  };
})();
