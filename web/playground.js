/**
 * The page. It shows the conversation that the address names (`#chat=…`), and passes the actions of
 * the human on. The changes of a streaming answer are drawn once a frame, so that a fast model
 * costs no more than a slow one.
 */
import { openAgents } from './playground-agents.js'
import { openAnnouncer } from './playground-announcer.js'
import { openBanner } from './playground-banner.js'
import { openChat } from './playground-chat.js'
import { openComposer } from './playground-composer.js'
import { openInspection } from './playground-inspection.js'
import { openKey } from './playground-key.js'
import { entryView } from './playground-message.js'
import { openPrompt } from './playground-prompt.js'
import { openServer } from './playground-server.js'
import { openSessions } from './playground-sessions.js'
import { openSuggestions } from './playground-suggestions.js'
import { isTask, openTasks, rootOf } from './playground-tasks.js'
import { openTheme } from './playground-theme.js'
import { openTree } from './playground-tree.js'
import { isWordsOfUser, userTextOf } from './playground-user.js'

const at = (id) => document.getElementById(id)
const scroller = at('scroller')

/** The interval at which a visible page checks for changes by other clients, in milliseconds. */
const lookMs = 3000

const key = openKey(at('key'))
const server = openServer({ key })
const announcer = openAnnouncer(at('announcer'))

// --- The shown conversation ---

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
 * @param id the id of the conversation; without it, a new one
 * @param oldEntries entries of a conversation that the server no longer has; they stay above the
 * new one
 */
function show(id, oldEntries = []) {
  chat?.close()
  const { agent } = chat ?? {}
  const opened = openChat({
    server,
    id,
    agent: id === undefined ? agent : undefined,
    oldEntries,
    // A closed chat may still report a change.
    onChange: (entry) => opened === chat && draw(entry),
  })
  chat = opened
  for (const { node } of views.values()) node.remove()
  views = new Map()
  draw()
  if (id !== undefined) void chat.watch()
}

/** Like `show`, and sets the address. */
function goTo(id, oldEntries) {
  const address = id === undefined ? location.pathname : `#chat=${encodeURIComponent(id)}`
  history.pushState(null, '', address)
  show(id, oldEntries)
  composer.focus()
}

// The user changed the address, or went back.
addEventListener('popstate', () => {
  const id = idInAddress()
  if (id !== (chat.isNew ? undefined : chat.id)) show(id)
})

// --- Drawing ---

let frame = 0

/** Draws the page. With an entry, only this entry has changed. */
function draw(entry) {
  if (entry === undefined) drawAll()
  // One frame draws any number of chunks, because only one entry is live.
  else if (frame === 0) frame = requestAnimationFrame(() => drawLive(entry))
}

function drawLive(entry) {
  frame = 0
  if (!views.has(entry)) return
  const follow = isAtEnd()
  views.get(entry).update()
  announcer.follow(entry)
  tree.show(chat)
  if (follow) scrollToNewest()
}

function drawAll() {
  const isFirst = views.size === 0
  const follow = isFirst || isAtEnd()
  const { busy } = chat
  const entries = [...chat.oldEntries, ...chat.entries]
  for (const [entry, view] of views) {
    if (entries.includes(entry)) continue
    view.node.remove()
    views.delete(entry)
  }
  for (const [index, entry] of entries.entries()) {
    // The history cannot be changed during an answer, or without the server.
    entry.isFixed = busy || chat.link !== 'ok' || index < chat.oldEntries.length
    const view = views.get(entry) ?? entryView(entry, actions)
    views.set(entry, view)
    view.node.classList.toggle('forgotten', index < chat.oldEntries.length)
    const list = at('messages')
    if (list.children[index] !== view.node)
      list.insertBefore(view.node, list.children[index] ?? null)
    view.update()
  }
  at('welcome').hidden = entries.length > 0 || !chat.isLoaded || chat.link === 'gone'
  at('see').hidden = chat.isNew
  void inspection.offer(chat)
  document.body.classList.toggle('busy', busy)
  banner.show(chat)
  composer.show(chat)
  agents.show(chat.agent)
  showBack()
  tree.show(chat)
  if (isListed) suggestions.show(agents.current)
  document.title = chat.record?.title ?? 'Loom'
  treeView.draw()
  if (follow) scrollToNewest()
  const answer = entries.findLast(({ message }) => message.role === 'assistant')
  if (answer !== undefined && announcer.settle(answer)) focusQuestion(answer)
}

/** In a task, the bar has a link to the conversation above instead of the agents. */
function showBack() {
  const isInTask = !chat.isNew && isTask(chat.id)
  document.body.classList.toggle('in-task', isInTask)
  at('back').hidden = !isInTask
  const root = rootOf(chat.id)
  at('back').href = `#chat=${encodeURIComponent(root)}`
  at('back').lastElementChild.textContent = tree.title ?? 'The conversation'
}

/** Moves the focus to the question, unless the human is writing. */
function focusQuestion(entry) {
  const { activeElement } = document
  const idle = activeElement === document.body || activeElement === at('prompt')
  if (!idle || composer.isInUse || isTouchScreen()) return
  questionOf(entry)?.focus({ preventScroll: true })
}

/**
 * Finds the form of a question. Approvals are excluded, because an Enter for something else must
 * not approve.
 */
const questionOf = (entry) =>
  views
    .get(entry)
    ?.node.querySelector('.card[open] form:not(.approval) :is(button, input, textarea)')

/** Whether this is a touch screen. A focus would open a keyboard that covers half of it. */
const isTouchScreen = () => matchMedia('(pointer: coarse)').matches

/**
 * The actions of buttons. A button disappears after its action, so the focus moves to another
 * element.
 */
const actions = {
  taskOf: (message, part) => tree.taskOf(message, part),
  ...Object.fromEntries(
    ['redo', 'retry', 'edit', 'answer', 'fail', 'decide', 'withdraw', 'resend', 'forget'].map(
      (name) => [
        name,
        (entry, ...rest) => {
          void (name === 'resend' ? resend(entry) : chat[name](entry, ...rest))
          if (!isTouchScreen()) (questionOf(entry) ?? at('prompt')).focus({ preventScroll: true })
        },
      ],
    ),
  ),
}

// --- Scrolling: the page follows the end only if it is visible ---

const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80

function scrollToEnd() {
  scroller.scrollTop = chat.entries.length > 0 ? scroller.scrollHeight : 0
}

/** Scrolls to the end, or to the start of a question that is higher than the window. */
function scrollToNewest() {
  scrollToEnd()
  const card = at('messages').querySelector(".card[data-tone='ask'][open]")
  if (card === null) return
  const above = card.getBoundingClientRect().top - scroller.getBoundingClientRect().top
  if (above < 0) scroller.scrollTop += above - 16
}

scroller.addEventListener('scroll', () => (at('latest').hidden = isAtEnd()), { passive: true })
at('latest').addEventListener('click', scrollToEnd)

// --- The parts around the conversation ---

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
  // The old entries stay, and a new conversation begins below them.
  if (chat.link === 'gone') goTo(undefined, chat.forgotten())
  if (chat.isNew) history.pushState(null, '', `#chat=${chat.id}`)
  const target = chat
  const post = target.send(parts, whenBusy)
  scrollToEnd()
  if ((await post) === 'gone' && target === chat) await send(parts)
}

async function resend(entry) {
  const target = chat
  if ((await target.resend(entry)) === 'gone' && target === chat) await send(entry.message.parts)
}

const tree = openTasks({
  server,
  onChange: () => drawTree(),
  isHidden: () => document.visibilityState === 'hidden',
})
/** Whether the page shows a question that the human must answer. */
const asks = () => at('messages').querySelector(".card[data-tone='ask']") !== null

const treeView = openTree(at('tree'), { tree, asks })

function drawTree() {
  const follow = isAtEnd()
  treeView.draw()
  showBack()
  const messageIds = new Set(tree.tasks.map(({ messageId }) => messageId))
  for (const [entry, view] of views) if (messageIds.has(entry.message.id)) view.update()
  if (follow) scrollToNewest()
}

async function stop() {
  const target = chat
  await target.stop()
  await tree.look()
  if (target === chat) tree.offerStop()
}

const composer = openComposer({
  send: (...message) => void send(...message),
  stop: () => void stop(),
  announce: announcer.say,
  lastText() {
    const last = chat.entries.findLast(({ message }) => isWordsOfUser(message))
    return last && userTextOf(last.message)
  },
})

const agents = openAgents({
  picker: at('agent-picker'),
  select: at('agent'),
  about: at('welcome-text'),
  server,
  onChange(name) {
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
  current: () => chat.id,
  open: goTo,
  onRemove(id) {
    if (id === chat.id) goTo()
  },
})

const prompt = openPrompt({ dialog: at('prompt-panel'), server })
const inspection = openInspection({
  dialog: at('inspect-panel'),
  opener: at('inspect'),
  server,
  current: () => chat.id,
})

openTheme(at('theme'))
at('see').addEventListener('click', () => prompt.show(chat.id))
at('sessions-button').addEventListener('click', () => sessions.show())
at('new-chat').addEventListener('click', () => goTo())

// The address names the conversation, so a link within the page must not change it.
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
  // Without the list there is no picker, and the default agent of the server answers.
  await agents.load().catch(() => {})
  isListed = true
  draw()
}

show(idInAddress())
void listAgents()
