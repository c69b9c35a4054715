-- Returns the history and all branches, in one step. `lines` has a head and messages for each of the
-- branches, and then for the history. The head of a branch is the text that `cut` made, the head of the
-- history is the list of its ids.
-- KEYS session history messages branches branched
-- RETURNS tenant agent state unfinished summary through context branches shared v lines...
-- USES stored

local tenant, agent, state, logId, summary, through, context, shared, v = unpack(redis.call('HMGET',
  key.session, 'tenant', 'agent', 'state', 'logId', 'summary', 'through', 'context', 'shared', 'v'))
local branches = redis.call('LRANGE', key.branches, 0, -1)
local history = redis.call('LRANGE', key.history, 0, -1)
local lines = {}
for _, head in ipairs(branches) do
  table.insert(lines, head)
  local number, ids = string.match(head, '^(%d+)\n%d+\n%d+(.*)$')
  for id in string.gmatch(ids, '\n([^\n]*)') do
    table.insert(lines, stored(key.branched, number .. '/' .. id, id))
  end
end
table.insert(lines, table.concat(history, '\n'))
for _, id in ipairs(history) do
  table.insert(lines, stored(key.messages, id, id))
end
return returns({
  tenant = tenant, agent = agent, state = state, branches = #branches, lines = lines,
  unfinished = state ~= 'idle' and logId, summary = summary, through = through,
  context = context, shared = shared, v = v,
})
