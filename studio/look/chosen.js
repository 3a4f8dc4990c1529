// The field for a mesh, or for a picture that is dropped or drawn by hand; handed to the program as an upload.
const held = element.querySelector('.held'), shown = element.querySelector('eddy-mesh'), picture = element.querySelector('.held > img');
const file = element.querySelector('input[type=file]'), box = element.querySelector('.chosen'), name = element.querySelector('.name');
const clear = element.querySelector('[data-chosen=clear]'), draw = element.querySelector('[data-chosen=draw]');
const drawing = element.querySelector('.drawing'), pad = element.querySelector('.pad');
const t = (text, values) => window.eddylineSay(text, values);
const REST = 600; // milliseconds after a stroke before the drawing is handed over
let drawn = false, waiting = 0, sent = '';

// Where the page finds what the program names; see studio/sources.py.
function address(value) {
  if (value.startsWith('asset:')) return `studio/assets/${value.slice(6)}/file`;
  if (value.startsWith('example:')) return `studio/examples/${encodeURIComponent(value.slice(8))}`;
  return `gradio_api/file=${value.split('/').map(encodeURIComponent).join('/')}`;
}

function show() {
  const value = props.value || '', own = drawn && value === sent;
  held.hidden = !value || own;
  clear.hidden = !value && !drawn;
  box.classList.toggle('full', Boolean(value));
  if (shown) shown.dataset.mesh = value ? JSON.stringify({run: value, name: value}) : '';
  if (picture) picture.src = value && !own ? address(value) : '';
  if (pad && value && !own) open(false);
  if (!value && !drawn) say('');
}

function say(text) { name.textContent = text; }

async function take(given, told = given?.name) {
  if (!given) return;
  say(t('Sending {file}', {file: told}));
  try {
    const {path} = await upload(given);
    if (drawn) sent = path;
    props.value = path;
    say(told);
    show();
    trigger('upload');
  } catch (error) {
    say(t('{file} could not be sent: {reason}', {file: told, reason: error.message || String(error)}));
  }
}

clear.addEventListener('click', () => { if (pad) blank(); drawn = false; open(false); props.value = ''; say(''); show(); });
file.addEventListener('change', () => { drawn = false; take(file.files[0]); file.value = ''; });
element.addEventListener('dragover', (event) => { event.preventDefault(); box.classList.add('over'); });
element.addEventListener('dragleave', () => box.classList.remove('over'));
element.addEventListener('drop', (event) => {
  event.preventDefault();
  box.classList.remove('over');
  drawn = false;
  take(event.dataTransfer.files[0]);
});

// Drawing by hand ---------------------------------------------------------------------------------------------------
function open(on) {
  if (!pad) return;
  drawing.hidden = !on;
  draw.setAttribute('aria-pressed', String(on));
}

function blank() {
  const pen = pad.getContext('2d');
  pen.fillStyle = '#ffffff';
  pen.fillRect(0, 0, pad.width, pad.height);
}

if (pad) {
  const pen = pad.getContext('2d'), inks = [...element.querySelectorAll('[data-ink]')];
  let from = null;
  const pick = (one) => {
    pen.strokeStyle = one.dataset.ink;
    for (const each of inks) each.setAttribute('aria-pressed', String(each === one));
  };
  const at = (event) => {
    const place = pad.getBoundingClientRect();
    return [(event.clientX - place.left) * pad.width / place.width, (event.clientY - place.top) * pad.height / place.height];
  };
  Object.assign(pen, {lineWidth: 16, lineCap: 'round', lineJoin: 'round'});
  blank();
  pick(inks[0]);
  for (const one of inks) one.addEventListener('click', () => pick(one));
  draw.addEventListener('click', () => open(drawing.hidden));
  pad.addEventListener('pointerdown', (event) => { pad.setPointerCapture(event.pointerId); from = at(event); stroke(event); });
  pad.addEventListener('pointermove', (event) => { if (from) stroke(event); });
  for (const name of ['pointerup', 'pointercancel']) pad.addEventListener(name, () => { from = null; clearTimeout(waiting); waiting = setTimeout(hand, REST); });

  function stroke(event) {
    const now = at(event);
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...now);
    pen.stroke();
    from = now;
    drawn = true;
    clearTimeout(waiting);
  }

  function hand() {
    if (!drawn) return;
    pad.toBlob((blob) => take(new File([blob], 'drawing.png', {type: 'image/png'}), t('Your drawing')), 'image/png');
  }
}
watch('value', show);
show();
