-- Ends a hold. If no turn runs, the first letter that waits begins its turn.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs knownMax branchesMax branchedMax
-- ARGV instance agents tenant
-- RETURNS running isLeft claim logId resumed abandoned floor letter message
-- USES format reply keep clock hint known history cut letter fence claim

local function run()
  local tenant, state = unpack(redis.call('HMGET', key.session, 'tenant', 'state'))
  local isKnown = state == 'idle' or state == 'running' or state == 'waiting'
  if tenant ~= arg.tenant or not isKnown then return {} end
  redis.call('HDEL', key.session, 'held')
  local reply = {}
  if state ~= 'running' then reply = beginNext(arg.instance, arg.agents) or {} end
  reply.running = redis.call('HGET', key.session, 'state') == 'running'
  hint('log')
  noteBytes()
  keep()
  return reply
end

return storedReply() or storeReply(run())
