-- Removes a schedule.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs tenant id
-- RETURNS done
-- USES reply keep clock schedules

local function removeSchedule()
  local tenant, state = unpack(redis.call('HMGET', key.session, 'tenant', 'state'))
  if not state or state == 'deleted' or tenant ~= arg.tenant then return { done = false } end
  local done = unschedule(arg.id)
  noteSchedules()
  keep()
  return { done = done }
end

return storedReply() or storeReply(removeSchedule())
