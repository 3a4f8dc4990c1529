// The field for a mesh, or for a picture that is dropped or drawn by hand; handed to the program as an upload.
const held = element.querySelector('.held'), shown = element.querySelector('eddy-mesh'), picture = element.querySelector('.held > img');
const file = element.querySelector('input[type=file]'), box = element.querySelector('.chosen'), name = element.querySelector('.name');
const clear = element.querySelector('[data-chosen=clear]'), draw = element.querySelector('[data-chosen=draw]');
const drawing = element.querySelector('.drawing'), pad = element.querySelector('.pad');
const t = (text, values) => window.eddylineSay(text, values);
const REST = 600; // milliseconds after a stroke before the drawing is handed over
let drawn = false, waiting = 0, sent = '';
const {say, take} = window.eddylineField(element, {box, file, name, props, upload, trigger, show, begin: () => { drawn = false; }});

function show() {
  const value = props.value || '', own = drawn && value === sent;
  held.hidden = !value || own;
  clear.hidden = !value && !drawn;
  box.classList.toggle('full', Boolean(value));
  if (shown) shown.dataset.mesh = value ? JSON.stringify({run: value, name: value}) : '';
  if (picture) picture.src = value && !own ? window.eddylineAddress(value) : '';
  if (pad && value && !own) open(false);
  if (!value && !drawn) say('');
}

clear.addEventListener('click', () => { if (pad) blank(); drawn = false; open(false); props.value = ''; say(''); show(); });

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
    pad.toBlob((blob) => take(new File([blob], 'drawing.png', {type: 'image/png'}), t('Your drawing'), (path) => { sent = path; }), 'image/png');
  }
}
watch('value', show);
show();
