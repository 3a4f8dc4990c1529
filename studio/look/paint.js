// The mask painter: strokes over a picture, handed to the program as a PNG whose alpha is the mask.
const picture = element.querySelector('img');
const canvas = element.querySelector('canvas');
const size = element.querySelector('input[name=brush]');
const ink = canvas.getContext('2d', {willReadFrequently: true});
const DETAIL = 512; // small pictures get a finer mask than their pixels, so that strokes have smooth edges
let undo = [];
let at = null;
let erasing = false;

function load() {
  const source = props.picture || '';
  picture.closest('.paint').classList.toggle('ready', Boolean(source));
  undo = [];
  if (!source) { canvas.width = canvas.width; props.value = ''; return; }
  picture.onload = () => {
    const scale = Math.max(1, DETAIL / Math.max(picture.naturalWidth, picture.naturalHeight));
    canvas.width = Math.round(picture.naturalWidth * scale);
    canvas.height = Math.round(picture.naturalHeight * scale);
    if (props.value) props.value = '';
  };
  picture.src = source;
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
}

function draw(to) {
  ink.globalCompositeOperation = erasing ? 'destination-out' : 'source-over';
  ink.strokeStyle = '#c8553d';
  ink.lineCap = ink.lineJoin = 'round';
  ink.lineWidth = Number(size.value) / 100 * canvas.width;
  ink.beginPath();
  ink.moveTo(...at);
  ink.lineTo(...to);
  ink.stroke();
  at = to;
}

function send() {
  const seen = ink.getImageData(0, 0, canvas.width, canvas.height).data;
  let any = false;
  for (let i = 3; i < seen.length && !any; i += 4) any = seen[i] > 0;
  props.value = any ? canvas.toDataURL('image/png') : '';
  trigger('change');
}

function keep() {
  undo.push(ink.getImageData(0, 0, canvas.width, canvas.height));
  if (undo.length > 20) undo.shift();
}

canvas.addEventListener('pointerdown', (event) => {
  if (!props.picture) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  keep();
  at = place(event);
  draw(at);
});
canvas.addEventListener('pointermove', (event) => { if (at) draw(place(event)); });
for (const end of ['pointerup', 'pointercancel']) {
  canvas.addEventListener(end, () => { if (at) { at = null; send(); } });
}
element.addEventListener('click', (event) => {
  const action = event.target.closest('[data-paint]')?.dataset.paint;
  if (action === 'erase') {
    erasing = !erasing;
    event.target.closest('[data-paint]').setAttribute('aria-pressed', String(erasing));
  } else if (action === 'undo' && undo.length) {
    ink.putImageData(undo.pop(), 0, 0);
    send();
  } else if (action === 'clear') {
    keep();
    ink.clearRect(0, 0, canvas.width, canvas.height);
    send();
  }
});
watch('picture', load);
load();
