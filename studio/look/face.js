// The field for a face: a picture or clip that is dropped or chosen, or one of the characters that ship.
const box = element.querySelector('.face'), held = element.querySelector('.held'), name = element.querySelector('.name');
const file = element.querySelector('input[type=file]'), clear = element.querySelector('[data-act-face=clear]');
const gallery = element.querySelector('.gallery');
const t = (text, values) => window.eddylineSay(text, values);
const CLIP = /\.(mp4|webm|mov|mkv|avi|m4v)$/i;

// Where the page finds what the program names; see studio/sources.py.
function address(value) {
  if (value.startsWith('character:')) return `studio/characters/${encodeURIComponent(value.slice(10))}`;
  if (value.startsWith('asset:')) return `studio/assets/${value.slice(6)}/file`;
  if (value.startsWith('example:')) return `studio/examples/${encodeURIComponent(value.slice(8))}`;
  return `gradio_api/file=${value.split('/').map(encodeURIComponent).join('/')}`;
}

// A file of the library says by its type alone whether it is a clip.
async function moving(value, where) {
  if (value.startsWith('asset:')) return ((await fetch(where, {method: 'HEAD'})).headers.get('content-type') || '').startsWith('video/');
  return CLIP.test(value);
}

async function show() {
  const value = props.value || '', where = value && address(value);
  held.hidden = clear.hidden = !value;
  box.classList.toggle('full', Boolean(value));
  for (const one of gallery.querySelectorAll('button')) one.setAttribute('aria-pressed', String(value === `character:${one.dataset.face}`));
  if (!value) { held.replaceChildren(); say(''); return; }
  const clip = await moving(value, where).catch(() => false);
  if (value !== (props.value || '')) return; // another came meanwhile
  const shown = document.createElement(clip ? 'video' : 'img');
  if (clip) Object.assign(shown, {src: where, muted: true, controls: true, loop: true, preload: 'auto', playsInline: true});
  else Object.assign(shown, {src: where, alt: t('The face')});
  shown.addEventListener('error', () => { held.replaceChildren(t('The browser cannot show this file; it can be used all the same.')); });
  held.replaceChildren(shown);
}

function say(text) { name.textContent = text; }

async function take(given) {
  if (!given) return;
  say(t('Sending {file}', {file: given.name}));
  try {
    const {path} = await upload(given);
    props.value = path;
    say(given.name);
    show();
    trigger('upload');
  } catch (error) {
    say(t('{file} could not be sent: {reason}', {file: given.name, reason: error.message || String(error)}));
  }
}

function choose(value) {
  props.value = value;
  say('');
  show();
  trigger('select', {value});
}

gallery.addEventListener('click', (event) => {
  const one = event.target.closest('[data-face]');
  if (one) choose(one.getAttribute('aria-pressed') === 'true' ? '' : `character:${one.dataset.face}`);
});
clear.addEventListener('click', () => choose(''));
file.addEventListener('change', () => { take(file.files[0]); file.value = ''; });
element.addEventListener('dragover', (event) => { event.preventDefault(); box.classList.add('over'); });
element.addEventListener('dragleave', () => box.classList.remove('over'));
element.addEventListener('drop', (event) => {
  event.preventDefault();
  box.classList.remove('over');
  take(event.dataTransfer.files[0]);
});
watch('value', show);
show();
