/**
 * The page: it draws the conversation (`playground-chat.js`) and passes on what the human does. What
 * changes while an answer streams is drawn once a frame, so a fast model costs no more than a slow one.
 */
import { openChat } from './playground-chat.js'
import { element } from './playground-dom.js'
import { openAttachments } from './playground-files.js'
import { entryView, problemOf, textOf } from './playground-message.js'
import { isTool, toolNameOf } from './playground-stream.js'

const at = (id) => document.getElementById(id)
const prompt = at('prompt')
const scroller = at('scroller')

const suggestions = [
  ['What is 123 times 456?', 'A tool call'],
  ['What time is it in Tokyo and in New York?', 'Two calls at once'],
  ['Ask the researcher what 12 * 12 is', 'A sub-agent at work'],
  ['Think about it: what is 2 + 2, squared?', 'Thoughts before words'],
]

// --- The conversation, and how it outlives a reload ---

const storageKey = 'loom-playground'

let chat = openChat(restored(), draw)
let views = new Map()

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey)) ?? undefined
  } catch {
    // No storage, or something else in it: a new conversation is as good.
    return undefined
  }
}

function save() {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(chat.snapshot()))
  } catch {
    // Pictures may be more than the storage holds. The conversation goes on without being kept.
    sessionStorage.removeItem(storageKey)
  }
}

addEventListener('pagehide', save)

function newChat() {
  chat.stop()
  const { agent } = chat
  chat = openChat({ agent, entries: [] }, draw)
  views = new Map()
  at('messages').replaceChildren()
  draw()
  save()
  prompt.focus()
}

// --- Drawing ---

let frame = 0

/** With an entry, only that one has changed. */
function draw(entry) {
  if (entry === undefined) drawAll()
  // One frame for however many chunks; it draws all live entries, and there is one.
  else if (frame === 0) frame = requestAnimationFrame(drawLive)
}

function drawLive() {
  frame = 0
  const entry = chat.running?.entry
  if (entry === undefined) return
  const follow = isAtEnd()
  views.get(entry)?.update()
  announceWords(entry)
  if (follow) scrollToEnd()
}

function drawAll() {
  const follow = isAtEnd()
  for (const [entry, view] of views) {
    if (chat.entries.includes(entry)) continue
    view.node.remove()
    views.delete(entry)
  }
  for (const entry of chat.entries) {
    entry.last = entry === chat.entries.at(-1)
    const view = views.get(entry) ?? entryView(entry, actions)
    if (!views.has(entry)) at('messages').append(view.node)
    views.set(entry, view)
    view.update()
  }
  at('welcome').hidden = chat.entries.length > 0
  document.body.classList.toggle('busy', chat.running !== null)
  drawSend()
  if (follow || chat.running?.entry.message.parts.length === 0) scrollToEnd()
  announceState()
  if (chat.running === null) save()
}

function drawSend() {
  const busy = chat.running !== null
  const send = at('send')
  send.querySelector('use').setAttribute('href', busy ? '#icon-stop' : '#icon-send')
  send.querySelector('span').textContent = busy ? 'Stop' : 'Send'
  send.title = busy ? 'Stop (Esc)' : 'Send (Enter)'
  send.classList.toggle('stop', busy)
  send.disabled = !busy && prompt.value.trim() === '' && attachments.isEmpty
}

// --- Scrolling: the end is followed only by who is there ---

const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80

function scrollToEnd() {
  scroller.scrollTop = chat.entries.length > 0 ? scroller.scrollHeight : 0
}

scroller.addEventListener('scroll', () => (at('latest').hidden = isAtEnd()), { passive: true })
at('latest').addEventListener('click', scrollToEnd)

// --- For those who listen: whole paragraphs as they are done, and what is going on ---

const announcer = at('announcer')
let spoken = { entry: null, length: 0, state: '' }

function announce(text) {
  announcer.append(element('p', {}, text))
  while (announcer.childNodes.length > 8) announcer.firstChild.remove()
}

function announceWords(entry, toTheEnd = false) {
  if (spoken.entry !== entry) spoken = { entry, length: 0, state: '' }
  const text = textOf(entry.message)
  const end = toTheEnd ? text.length : text.lastIndexOf('\n\n') + 1
  if (end <= spoken.length) return
  announce(text.slice(spoken.length, end))
  spoken.length = end
}

function announceState() {
  const entry = chat.entries.at(-1)
  if (entry === undefined || entry.message.role !== 'assistant') return
  const asks = entry.message.parts.filter((part) => isTool(part) && asksHuman(part, entry))
  const state = entry.live
    ? 'The agent is answering.'
    : [problemOf(entry), ...asks.map(askText)].join(' ').trim()
  if (!entry.live && chat.entries.length > 0 && spoken.entry === entry) announceWords(entry, true)
  if (spoken.entry !== entry) spoken = { entry, length: entry.live ? 0 : Infinity, state: '' }
  if (state === spoken.state) return
  spoken.state = state
  if (state !== '') announce(state)
  if (asks.length > 0) focusQuestion(entry)
}

const asksHuman = (part, { live, waiting }) =>
  part.state === 'approval-requested' || (part.state === 'input-available' && !live && waiting)

const askText = (part) =>
  part.state === 'approval-requested'
    ? `${toolNameOf(part)} needs your approval.`
    : `${toolNameOf(part)} waits for your answer.`

/** The keyboard goes to the question, unless somebody is writing. */
function focusQuestion(entry) {
  const idle = document.activeElement === document.body || document.activeElement === prompt
  if (!idle || prompt.value !== '' || isTouched()) return
  questionOf(entry)?.focus({ preventScroll: true })
}

const questionOf = (entry) =>
  views.get(entry)?.node.querySelector('.card[open] form :is(button, input, textarea)')

/** Focus would bring up a keyboard that covers half the screen. */
const isTouched = () => matchMedia('(pointer: coarse)').matches

/** A button that has done its work is gone, and must not take the focus with it. */
const actions = Object.fromEntries(
  ['redo', 'retry', 'answer', 'fail', 'decide'].map((name) => [
    name,
    (entry, ...rest) => {
      chat[name](entry, ...rest)
      if (!isTouched()) (questionOf(entry) ?? prompt).focus({ preventScroll: true })
    },
  ]),
)

// --- Writing ---

const attachments = openAttachments(at('attachments'), (problem) => {
  at('hint').textContent = problem
  announce(problem)
})

async function attach(files) {
  await attachments.add(files)
  drawSend()
}

function send(text) {
  if (chat.running !== null || (text.trim() === '' && attachments.isEmpty)) return
  const files = attachments.take()
  const parts = text.trim() === '' ? files : [...files, { type: 'text', text: text.trim() }]
  prompt.value = ''
  fitPrompt()
  chat.send(parts)
  scrollToEnd()
  prompt.focus()
}

/** Where the browser cannot size the field by its content. */
function fitPrompt() {
  if (CSS.supports('field-sizing', 'content')) return
  prompt.style.height = 'auto'
  prompt.style.height = `${prompt.scrollHeight}px`
}

prompt.addEventListener('input', () => {
  fitPrompt()
  drawSend()
})

prompt.addEventListener('keydown', (event) => {
  // An Enter that ends the composition of a character is not one that sends.
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault()
    send(prompt.value)
  } else if (event.key === 'ArrowUp' && prompt.value === '') {
    const last = chat.entries.findLast(({ message }) => message.role === 'user')
    if (last === undefined) return
    event.preventDefault()
    prompt.value = textOf(last.message)
    fitPrompt()
    drawSend()
  }
})

at('composer').addEventListener('submit', (event) => {
  event.preventDefault()
  if (chat.running !== null) chat.stop()
  else send(prompt.value)
})

addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && chat.running !== null) chat.stop()
  const typing = /^(?:INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? '')
  if (event.key === '/' && !typing && !event.metaKey && !event.ctrlKey) {
    event.preventDefault()
    prompt.focus()
  }
})

at('attach').addEventListener('click', () => at('files').click())
at('files').addEventListener('change', async () => {
  await attach([...at('files').files])
  at('files').value = ''
  prompt.focus()
})

addEventListener('paste', (event) => {
  if (event.clipboardData.files.length === 0) return
  event.preventDefault()
  void attach([...event.clipboardData.files])
})

addEventListener('dragover', (event) => {
  if (!event.dataTransfer.types.includes('Files')) return
  event.preventDefault()
  document.body.classList.add('dropping')
})
addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) document.body.classList.remove('dropping')
})
addEventListener('drop', (event) => {
  document.body.classList.remove('dropping')
  if (event.dataTransfer.files.length === 0) return
  event.preventDefault()
  void attach([...event.dataTransfer.files])
})

// --- Around the conversation ---

at('new-chat').addEventListener('click', newChat)

at('suggestions').append(
  ...suggestions.map(([text, about]) => {
    const node = element(
      'button',
      { type: 'button' },
      element('span', { class: 'about' }, about),
      element('span', {}, text),
    )
    node.addEventListener('click', () => send(text))
    return element('li', {}, node)
  }),
)

async function listAgents() {
  const response = await fetch('/api/agents')
  if (!response.ok) return
  const { agents = [] } = await response.json()
  const picker = at('agent')
  picker.replaceChildren(...agents.map(({ name }) => element('option', { value: name }, name)))
  const known =
    agents.find(({ name }) => name === chat.agent) ?? agents.find((agent) => agent.default)
  if (known !== undefined) picker.value = known.name
  // A tab may remember an agent that the server no longer has.
  if (known?.name !== chat.agent) chat.agent = undefined
  const chosen = () => {
    const agent = agents.find(({ name }) => name === picker.value)
    at('agent-picker').title = agent?.description ?? ''
    if (agent?.description) at('welcome-text').textContent = agent.description
    return agent
  }
  picker.addEventListener('change', () => {
    chat.agent = chosen()?.name
    prompt.focus()
  })
  chosen()
  at('agent-picker').hidden = agents.length < 2
}

const themeKey = 'loom-theme'

function showTheme(theme) {
  if (theme === null) delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  const dark =
    theme === 'dark' || (theme === null && matchMedia('(prefers-color-scheme: dark)').matches)
  at('theme').title = dark ? 'Light theme' : 'Dark theme'
  return dark ? 'light' : 'dark'
}

let otherTheme = showTheme(localStorage.getItem(themeKey))
at('theme').addEventListener('click', () => {
  localStorage.setItem(themeKey, otherTheme)
  otherTheme = showTheme(otherTheme)
})

// Without the list there is nothing to pick; the server's own agent answers.
listAgents().catch(() => {})
draw()
scrollToEnd()
