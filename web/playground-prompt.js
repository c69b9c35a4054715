/** The panel “What the model sees”: the next prompt, message by message. */
import { button, copyButton, element, icon, jsonView } from './playground-dom.js'

export function openPrompt({ dialog, server }) {
  const body = dialog.querySelector('.body')
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close())
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close())

  async function load(id) {
    body.replaceChildren(element('p', { class: 'note' }, 'Loading…'))
    try {
      body.replaceChildren(...promptNodes(await server.prompt(id), () => load(id)))
    } catch (error) {
      const text = error.status === 404 ? 'This conversation has no messages yet.' : error.message
      body.replaceChildren(element('p', { class: 'note' }, text))
    }
  }

  return {
    show(id) {
      dialog.showModal()
      return load(id)
    },
  }
}

function promptNodes(next, again) {
  const { agent, model, prompt = [], tools = [], ...settings } = next
  return [
    element(
      'div',
      { class: 'row' },
      element('p', { class: 'note' }, `${model}, asked by ${agent}`),
      copyButton(() => JSON.stringify(next, null, 2), 'Copy as JSON'),
      button({ label: 'Load again', iconName: 'redo', iconOnly: true }, again),
    ),
    ...prompt.map(messageNode),
    fold(`${tools.length} ${tools.length === 1 ? 'tool' : 'tools'}`, ...tools.map(toolNode)),
    fold('Settings', jsonView(settings)),
  ]
}

function messageNode({ role, content }) {
  const parts = typeof content === 'string' ? [{ type: 'text', text: content }] : content
  return element(
    'section',
    { class: 'prompt-message', 'data-role': role },
    element('h3', {}, role),
    ...parts.map(partNode),
  )
}

/** Text is shown without rendering, because the model reads the source. */
function partNode({ type, ...part }) {
  if (type === 'text') return element('pre', {}, part.text)
  const name = part.toolName === undefined ? type : `${type} · ${part.toolName}`
  const shown = type === 'reasoning' ? element('pre', {}, part.text) : jsonView(part)
  return element('div', {}, element('h4', {}, name), shown)
}

const toolNode = ({ name, description, inputSchema, ...more }) =>
  fold(name, description ? element('p', {}, description) : null, jsonView(inputSchema ?? more))

const fold = (title, ...children) =>
  element(
    'details',
    { class: 'card' },
    element('summary', {}, icon('chevron'), element('span', {}, title)),
    element('div', { class: 'card-body' }, ...children),
  )
