// The field for a recording: dropped, chosen, or spoken into the microphone; handed to the program as an upload.
const held = element.querySelector('.held'), shown = element.querySelector('eddy-sound'), name = element.querySelector('.name');
const file = element.querySelector('input[type=file]'), box = element.querySelector('.recorder');
const record = element.querySelector('[data-recorder=record]'), clear = element.querySelector('[data-recorder=clear]');
const t = (text, values) => window.eddylineSay(text, values);
const {say, take} = window.eddylineField(element, {box, file, name, props, upload, trigger, show});
const LONGEST = 600; // seconds after which a forgotten microphone is let go
let recording = null;

function show() {
  const value = props.value || '';
  held.hidden = clear.hidden = !value;
  box.classList.toggle('full', Boolean(value));
  shown.dataset.sound = value ? JSON.stringify({run: value, src: window.eddylineAddress(value)}) : '';
  if (!value) say('');
}

async function start() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  } catch (error) {
    say(t('The microphone cannot be used: {reason}', {reason: error.message || error.name}));
    return;
  }
  const recorder = new MediaRecorder(stream), parts = [], since = Date.now();
  const clock = setInterval(() => {
    const seconds = (Date.now() - since) / 1000;
    say(t('Recording, {time}', {time: window.eddylineSound.clock(seconds, 0)}));
    if (seconds > LONGEST) recorder.stop();
  }, 250);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = async () => {
    clearInterval(clock);
    stream.getTracks().forEach((track) => track.stop());
    recording = null;
    tell();
    try {
      // As a WAV: what the browser records is a film without pictures to every program that looks at it.
      const buffer = await window.eddylineSound.decode(await new Blob(parts).arrayBuffer());
      const samples = Array.from({length: buffer.numberOfChannels}, (_, c) => buffer.getChannelData(c));
      const wav = window.eddylineSound.wav(samples, buffer.sampleRate);
      await take(new File([wav], 'recording.wav', {type: 'audio/wav'}));
    } catch (error) {
      say(t('Nothing was recorded: {reason}', {reason: error.message}));
    }
  };
  recorder.start();
  recording = recorder;
  tell();
}

function tell() {
  const one = record.querySelector('[data-say]') || record;
  one.dataset.say = recording ? 'Stop recording' : 'Record';
  one.textContent = t(one.dataset.say);
  record.setAttribute('aria-pressed', String(Boolean(recording)));
}

record.addEventListener('click', () => { if (recording) recording.stop(); else start(); });
clear.addEventListener('click', () => { props.value = ''; show(); trigger('select', {start: null, end: null}); });
element.addEventListener('eddyline-span', (event) => trigger('select', event.detail));
watch('value', show);
show();
