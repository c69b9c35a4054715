/** Which agent is talked to. Without a list, or with one agent, there is nothing to pick. */
import { element } from './playground-dom.js'

export function openAgents({ picker, select, about, server, chosen }) {
  let agents = []
  const anyone = about.textContent

  const named = (name) => agents.find((agent) => agent.name === name)

  function draw() {
    const description = named(select.value)?.description
    picker.title = description ?? ''
    about.textContent = description || anyone
  }

  select.addEventListener('change', () => {
    chosen(select.value)
    draw()
  })

  return {
    async load() {
      agents = await server.agents()
      select.replaceChildren(...agents.map(({ name }) => element('option', { value: name }, name)))
      picker.hidden = agents.length < 2
      draw()
    },
    /** The agent of a conversation; one that the server no longer has is the server's own again. */
    show(name) {
      const agent = named(name) ?? agents.find((agent) => agent.default)
      if (agent === undefined || select.value === agent.name) return
      select.value = agent.name
      draw()
    },
    get current() {
      return select.value || undefined
    },
  }
}
