/** The panel “Inspect”: the inner state of a conversation, for an admin. Its button shows only to a caller that may. */
import { button, copyButton, element, jsonView } from './playground-dom.js'
import { spentText } from './playground-tasks.js'

export function openInspection({ dialog, opener, server, current }) {
  const body = dialog.querySelector('.body')
  /** Whether the server lets this caller inspect. Undefined before the first attempt. */
  let isAllowed
  /** The conversation of the last attempt. */
  let asked
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close())
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close())
  opener.addEventListener('click', () => {
    dialog.showModal()
    void load(current())
  })

  async function load(id) {
    body.replaceChildren(element('p', { class: 'note' }, 'Loading…'))
    try {
      body.replaceChildren(...nodesOf(await server.inspect(id), () => load(id)))
    } catch (error) {
      body.replaceChildren(element('p', { class: 'note' }, error.message))
    }
  }

  return {
    /** Shows the button for a conversation that the server has. It asks once whether this caller may inspect. */
    async offer({ id, isNew }) {
      opener.hidden = isNew || isAllowed !== true
      if (isNew || isAllowed !== undefined || asked === id) return
      asked = id
      try {
        await server.inspect(id)
        isAllowed = true
        opener.hidden = current() !== id
      } catch (error) {
        // Only a refusal of the scope is for all conversations.
        if (error.status === 403) isAllowed = false
      }
    },
  }
}

function nodesOf(inspection, again) {
  const { turn, log, calls, queue, tasks, spent, inspectedBy } = inspection
  return [
    element(
      'div',
      { class: 'row' },
      element('p', { class: 'note' }, `Seen from the instance ${inspectedBy}`),
      copyButton(() => JSON.stringify(inspection, null, 2), 'Copy as JSON'),
      button({ label: 'Load again', iconName: 'redo', iconOnly: true }, again),
    ),
    section('Turn', turn === undefined ? [] : turnFacts(turn)),
    section('Log', log === undefined ? [] : logFacts(log)),
    section('Calls', calls.map(callFact)),
    section('Queue', queueFacts(queue)),
    section(
      'Tasks',
      tasks.map(({ agent, id, state }) => [`${agent} ${id}`, state]),
    ),
    section('Cost', costFacts(spent)),
    section('All fields', [], jsonView(inspection)),
  ]
}

/** @param facts names and values */
function section(title, facts, ...more) {
  const rows = facts.flatMap(([name, value]) => [
    element('dt', {}, name),
    element('dd', {}, String(value)),
  ])
  const list = rows.length === 0 ? null : element('dl', { class: 'facts' }, ...rows)
  const none = rows.length + more.length === 0 ? element('p', { class: 'note' }, 'None') : null
  return element(
    'section',
    { class: 'prompt-message' },
    element('h3', {}, title),
    list,
    none,
    ...more,
  )
}

const timeText = (ms) => new Date(ms).toLocaleString()

const turnFacts = ({
  owner,
  ownerState,
  claim,
  messageId,
  startedAt,
  takeovers,
  profile,
  stop,
}) => [
  ['Owner', owner],
  ['State of the owner', ownerState],
  ['Claim', claim],
  ['Message', messageId],
  ['Began', timeText(startedAt)],
  ...takeovers.map(({ at, from }) => ['Taken over', `${timeText(at)}, from ${from}`]),
  ...(profile === undefined ? [] : [['Lowest profile', profile]]),
  ...(stop === undefined ? [] : [['Stop', stop]]),
]

const logFacts = ({ first, last, entries, events, size, finished, isCut, claims }) => [
  ['Entries', `${entries}${isCut ? ' or more' : ''}, with ${events} events`],
  ['Size', `${size.toLocaleString()} characters`],
  ['Cursors', `${first} to ${last}`],
  ['Claims', claims.map((each) => `${each.claim} (${each.entries})`).join(', ')],
  ['Complete', finished ? 'yes' : 'no'],
]

const callFact = ({ toolName, toolCallId, state, steps }) => [
  `${toolName} ${toolCallId}`,
  steps === 0 ? state : `${state}, ${steps} steps`,
]

const queueFacts = ({ queued, held, letters }) =>
  queued === 0
    ? []
    : [
        ['Messages', held ? `${queued}, held by a stop` : queued],
        ...letters.map(({ id, kind, postedAt }) => [
          `${kind} ${id}`,
          postedAt === undefined ? '' : timeText(postedAt),
        ]),
      ]

const costFacts = ({ finished, unfinished }) =>
  [
    ['Finished messages', finished],
    ['Unfinished message', unfinished],
  ].flatMap(([name, spent]) => (spent === undefined ? [] : [[name, spentText([{ spent }])]]))
