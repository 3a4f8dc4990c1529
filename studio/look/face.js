// The field for a face: a picture or clip that is dropped or chosen, or one of the characters that ship.
const box = element.querySelector('.face'), held = element.querySelector('.held'), name = element.querySelector('.name');
const file = element.querySelector('input[type=file]'), clear = element.querySelector('[data-act-face=clear]');
const gallery = element.querySelector('.gallery');
const t = (text, values) => window.eddylineSay(text, values);
const {say} = window.eddylineField(element, {box, file, name, props, upload, trigger, show});
const CLIP = /\.(mp4|webm|mov|mkv|avi|m4v)$/i;

// A file of the library says by its type alone whether it is a clip.
async function moving(value, where) {
  if (value.startsWith('asset:')) return ((await fetch(where, {method: 'HEAD'})).headers.get('content-type') || '').startsWith('video/');
  return CLIP.test(value);
}

async function show() {
  const value = props.value || '', where = value && window.eddylineAddress(value);
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
watch('value', show);
show();
