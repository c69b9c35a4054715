-- Replaces an occurrence of a schedule by the next one, or removes the schedule if there is none. Of several
-- calls for one occurrence, one has an effect.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs id occurrence next dueAt
-- RETURNS done shared
-- USES reply keep clock schedules

local function advance()
  local stored = redis.call('HGET', key.scheduled, arg.id)
  local occurrence, rest = string.match(stored or '', '^(%d+)(\n.*)$')
  if occurrence ~= arg.occurrence then return { done = false } end
  if arg.next == '' then
    unschedule(arg.id)
  else
    redis.call('HSET', key.scheduled, arg.id, arg.next .. rest)
    redis.call('ZADD', key.schedules, arg.dueAt, arg.id)
  end
  noteSchedules()
  keep()
  return { done = true, shared = redis.call('HGET', key.session, 'shared') }
end

return storedReply() or storeReply(advance())
