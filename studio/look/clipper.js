// The field for a clip: dropped, chosen or handed over by another part of the page; sent to the program as an upload.
const held = element.querySelector('.held'), shown = element.querySelector('eddy-clip'), name = element.querySelector('.name');
const file = element.querySelector('input[type=file]'), box = element.querySelector('.clipper');
const clear = element.querySelector('[data-clipper=clear]');
const t = (text, values) => window.eddylineSay(text, values);

function show() {
  const value = props.value || '';
  held.hidden = clear.hidden = !value;
  box.classList.toggle('full', Boolean(value));
  // Where the page finds what the program names; see studio/sources.py.
  const film = value.startsWith('asset:') ? `studio/assets/${value.slice(6)}/file`
    : value.startsWith('example:') ? `studio/examples/${encodeURIComponent(value.slice(8))}`
      : `gradio_api/file=${value.split('/').map(encodeURIComponent).join('/')}`;
  shown.dataset.clip = value ? JSON.stringify({run: value, src: `studio/frames?name=${encodeURIComponent(value)}`, film}) : '';
  if (!value) say('');
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

clear.addEventListener('click', () => { props.value = ''; show(); trigger('select', {start: null, end: null}); trigger('clear'); });
file.addEventListener('change', () => { take(file.files[0]); file.value = ''; });
element.addEventListener('dragover', (event) => { event.preventDefault(); box.classList.add('over'); });
element.addEventListener('dragleave', () => box.classList.remove('over'));
element.addEventListener('drop', (event) => {
  event.preventDefault();
  box.classList.remove('over');
  take(event.dataTransfer.files[0]);
});
element.addEventListener('eddyline-span', (event) => trigger('select', event.detail));
watch('value', show);
show();
