// The mask painter: strokes over a picture, handed to the program as a PNG whose alpha is the mask; over the frames of
// a clip, as JSON of such PNGs by frame where more than one is painted.
const picture = element.querySelector('img');
const canvas = element.querySelector('canvas');
const size = element.querySelector('input[name=brush]');
const ink = canvas.getContext('2d', {willReadFrequently: true});
const slide = element.querySelector('input[name=frame]'); // of a clip alone
const film = new Image(); // all frames of a clip on one sheet
const painted = new Map(); // frame -> its PNG, and what is on the canvas there
const DETAIL = 512; // small pictures get a finer mask than their pixels, so that strokes have smooth edges
let undo = [];
let at = null;
let erasing = false;
let frame = 0;

function load() {
  const source = (slide ? props.sheet?.picture : props.picture) || '';
  picture.closest('.paint').classList.toggle('ready', Boolean(source));
  undo = [];
  frame = 0;
  painted.clear();
  if (!source) { canvas.width = canvas.width; props.value = ''; return; }
  if (!slide) {
    picture.onload = () => fit(picture.naturalWidth, picture.naturalHeight);
    picture.src = source;
    return;
  }
  slide.max = props.sheet.frames - 1;
  film.onload = () => { fit(props.sheet.width, props.sheet.height); show(0); };
  film.src = source;
}

function fit(width, height) {
  const scale = Math.max(1, DETAIL / Math.max(width, height));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  if (props.value) props.value = '';
}

// The picture and the strokes of frame ``n`` of a clip.
function show(n) {
  frame = n;
  undo = [];
  const {frames, columns, width, height} = props.sheet;
  const one = Object.assign(document.createElement('canvas'), {width, height});
  one.getContext('2d').drawImage(film, n % columns * width, Math.floor(n / columns) * height, width, height, 0, 0, width, height);
  picture.src = one.toDataURL();
  ink.clearRect(0, 0, canvas.width, canvas.height);
  if (painted.has(n)) ink.putImageData(painted.get(n).strokes, 0, 0);
  slide.value = n;
  element.querySelector('output').textContent = `${n + 1} / ${frames}`;
  mark();
}

// Buttons of the frames that are painted.
function mark() {
  const keys = [...painted.keys()].sort((a, b) => a - b).map((n) => {
    const key = Object.assign(document.createElement('button'), {type: 'button', className: 'key', textContent: n + 1});
    key.dataset.key = n;
    key.setAttribute('aria-pressed', String(n === frame));
    return key;
  });
  element.querySelector('.keys').replaceChildren(...keys);
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
  const drawn = any ? canvas.toDataURL('image/png') : '';
  if (slide) {
    if (any) painted.set(frame, {png: drawn, strokes: ink.getImageData(0, 0, canvas.width, canvas.height)});
    else painted.delete(frame);
    mark();
  }
  const pngs = [...painted].map(([n, {png}]) => [n, png]);
  props.value = pngs.length > 1 ? JSON.stringify(Object.fromEntries(pngs)) : slide ? pngs[0]?.[1] ?? '' : drawn;
  trigger('change');
}

function keep() {
  undo.push(ink.getImageData(0, 0, canvas.width, canvas.height));
  if (undo.length > 20) undo.shift();
}

canvas.addEventListener('pointerdown', (event) => {
  if (!(slide ? props.sheet?.picture : props.picture)) return;
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
slide?.addEventListener('input', () => show(Number(slide.value)));
element.addEventListener('click', (event) => {
  const key = event.target.closest('[data-key]');
  if (key) show(Number(key.dataset.key));
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
watch(slide ? 'sheet' : 'picture', load);
load();
