/**
 * The page: it shows the conversation that the address names (`#chat=…`), and passes on what the human
 * does. What changes while an answer streams is drawn once a frame, so a fast model costs no more than
 * a slow one.
 */
import { openAgents } from './playground-agents.js'
import { openAnnouncer } from './playground-announcer.js'
import { openBanner } from './playground-banner.js'
import { openChat } from './playground-chat.js'
import { openComposer } from './playground-composer.js'
import { openKey } from './playground-key.js'
import { entryView } from './playground-message.js'
import { openPrompt } from './playground-prompt.js'
import { openServer } from './playground-server.js'
import { openSessions } from './playground-sessions.js'
import { openSuggestions } from './playground-suggestions.js'
import { openTheme } from './playground-theme.js'
import { openTitles } from './playground-titles.js'
import { wordsOf } from './playground-user.js'

const at = (id) => document.getElementById(id)
const scroller = at('scroller')

/** How often a page that is looked at sees what others did to its conversation. */
const lookMs = 3000

const key = openKey(at('key'))
const server = openServer({ key })
const titles = openTitles(key)
const announcer = openAnnouncer(at('announcer'))

// --- Which conversation ---

let chat
let views = new Map()

const idInAddress = () => {
  const [, id] = /^#chat=(.+)$/.exec(location.hash) ?? []
  try {
    return id === undefined ? undefined : decodeURIComponent(id)
  } catch {
    return undefined
  }
}

/**
 * @param id of the conversation; a new one without it
 * @param kept entries of one that the server no longer has: they stay on the page above the new one
 */
function show(id, kept = []) {
  chat?.close()
  const { agent } = chat ?? {}
  const opened = openChat({
    server,
    id,
    agent: id === undefined ? agent : undefined,
    kept,
    // One that was left may still hear something.
    changed: (entry) => opened === chat && draw(entry),
  })
  chat = opened
  for (const { node } of views.values()) node.remove()
  views = new Map()
  draw()
  if (id !== undefined) void chat.watch()
}

/** As `show`, with its address. */
function goTo(id, kept) {
  const address = id === undefined ? location.pathname : `#chat=${encodeURIComponent(id)}`
  history.pushState(null, '', address)
  show(id, kept)
  composer.focus()
}

// The address was changed by hand, or by going back.
addEventListener('popstate', () => {
  const id = idInAddress()
  if (id !== (chat.isNew ? undefined : chat.id)) show(id)
})

// --- Drawing ---

let frame = 0

/** With an entry, only that one has changed. */
function draw(entry) {
  if (entry === undefined) drawAll()
  // One frame for however many chunks; there is one live entry.
  else if (frame === 0) frame = requestAnimationFrame(() => drawLive(entry))
}

function drawLive(entry) {
  frame = 0
  if (!views.has(entry)) return
  const follow = isAtEnd()
  views.get(entry).update()
  announcer.follow(entry)
  if (follow) scrollToNewest()
}

function drawAll() {
  const isFirst = views.size === 0
  const follow = isFirst || isAtEnd()
  const { busy } = chat
  const entries = [...chat.kept, ...chat.entries]
  for (const [entry, view] of views) {
    if (entries.includes(entry)) continue
    view.node.remove()
    views.delete(entry)
  }
  for (const [index, entry] of entries.entries()) {
    // What is answered just now, or cannot be reached, is not the time to change history.
    entry.isFixed = busy || chat.link !== 'ok' || index < chat.kept.length
    const view = views.get(entry) ?? entryView(entry, actions)
    views.set(entry, view)
    view.node.classList.toggle('forgotten', index < chat.kept.length)
    const list = at('messages')
    if (list.children[index] !== view.node)
      list.insertBefore(view.node, list.children[index] ?? null)
    view.update()
  }
  at('welcome').hidden = entries.length > 0 || !chat.isLoaded || chat.link === 'gone'
  at('see').hidden = chat.isNew
  document.body.classList.toggle('busy', busy)
  banner.show(chat)
  composer.show(chat)
  agents.show(chat.agent)
  if (isListed) suggestions.show(agents.current)
  titles.learn(chat)
  document.title = titles.of(chat.id) ?? 'Loom'
  if (follow) scrollToNewest()
  const answer = entries.findLast(({ message }) => message.role === 'assistant')
  if (answer !== undefined && announcer.settle(answer)) focusQuestion(answer)
}

/** The keyboard goes to the question, unless somebody is writing. */
function focusQuestion(entry) {
  const { activeElement } = document
  const idle = activeElement === document.body || activeElement === at('prompt')
  if (!idle || composer.isInUse || isTouched()) return
  questionOf(entry)?.focus({ preventScroll: true })
}

/** An approval is not among them: an Enter that was meant for something else must not approve. */
const questionOf = (entry) =>
  views
    .get(entry)
    ?.node.querySelector('.card[open] form:not(.approval) :is(button, input, textarea)')

/** Focus would bring up a keyboard that covers half the screen. */
const isTouched = () => matchMedia('(pointer: coarse)').matches

/** A button that has done its work is gone, and must not take the focus with it. */
const actions = Object.fromEntries(
  ['redo', 'retry', 'edit', 'answer', 'fail', 'decide', 'withdraw', 'resend', 'forget'].map(
    (name) => [
      name,
      (entry, ...rest) => {
        void (name === 'resend' ? resend(entry) : chat[name](entry, ...rest))
        if (!isTouched()) (questionOf(entry) ?? at('prompt')).focus({ preventScroll: true })
      },
    ],
  ),
)

// --- Scrolling: the end is followed only by who is there ---

const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80

function scrollToEnd() {
  scroller.scrollTop = chat.entries.length > 0 ? scroller.scrollHeight : 0
}

/** The end, or the beginning of a question that is higher than the window: that is read first. */
function scrollToNewest() {
  scrollToEnd()
  const asked = at('messages').querySelector(".card[data-tone='ask'][open]")
  if (asked === null) return
  const above = asked.getBoundingClientRect().top - scroller.getBoundingClientRect().top
  if (above < 0) scroller.scrollTop += above - 16
}

scroller.addEventListener('scroll', () => (at('latest').hidden = isAtEnd()), { passive: true })
at('latest').addEventListener('click', scrollToEnd)

// --- What is around the conversation ---

const banner = openBanner(at('banner'), {
  renew: () => goTo(),
  async askKey() {
    if (!(await key.askAgain())) return
    chat.enter()
    await listAgents()
  },
  dismiss: () => draw(void (chat.problem = '')),
})

async function send(parts, whenBusy) {
  // What is shown stays; the server begins anew below it.
  if (chat.link === 'gone') goTo(undefined, chat.forgotten())
  if (chat.isNew) history.pushState(null, '', `#chat=${chat.id}`)
  const asked = chat
  const posting = asked.send(parts, whenBusy)
  scrollToEnd()
  if ((await posting) === 'gone' && asked === chat) await send(parts)
}

async function resend(entry) {
  const asked = chat
  if ((await asked.resend(entry)) === 'gone' && asked === chat) await send(entry.message.parts)
}

const composer = openComposer({
  send: (...said) => void send(...said),
  stop: () => void chat.stop(),
  tell: announcer.say,
  lastWords() {
    const last = chat.entries.findLast(({ message }) => message.role === 'user')
    return last && wordsOf(last.message)
  },
})

const agents = openAgents({
  picker: at('agent-picker'),
  select: at('agent'),
  about: at('welcome-text'),
  server,
  chosen(name) {
    chat.agent = name
    suggestions.show(name)
    composer.focus()
  },
})

const suggestions = openSuggestions({
  list: at('suggestions'),
  send(text) {
    void send([{ type: 'text', text }])
    composer.focus()
  },
})

const sessions = openSessions({
  dialog: at('sessions'),
  server,
  titles,
  current: () => chat.id,
  open: goTo,
  removed(id) {
    titles.forget(id)
    if (id === chat.id) goTo()
  },
})

const prompt = openPrompt({ dialog: at('seen'), server })

openTheme(at('theme'))
at('see').addEventListener('click', () => prompt.show(chat.id))
at('sessions-button').addEventListener('click', () => sessions.show())
at('new-chat').addEventListener('click', () => goTo())

// The address is the conversation's: a link within the page must not take its place.
at('skip').addEventListener('click', (event) => {
  event.preventDefault()
  composer.focus()
})

const look = () => document.visibilityState === 'visible' && void chat.look()
setInterval(look, lookMs)
document.addEventListener('visibilitychange', look)
addEventListener('online', look)

let isListed = false

async function listAgents() {
  // Without the list there is nothing to pick; the server's own agent answers.
  await agents.load().catch(() => {})
  isListed = true
  draw()
}

show(idInAddress())
void listAgents()
