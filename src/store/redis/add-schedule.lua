-- Adds a schedule to a session, which begins if it does not exist.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks rootTasks reply
-- ARGV sessionTtlMs replyTtlMs knownMax tenant subject writer agent task schedulesMax id occurrence dueAt content schedule seed...
-- RETURNS status shared size
-- USES format reply keep clock known history create schedules task member size

local function add()
  if isNoTask() then return { status = 'gone' } end
  local tenant, state = unpack(redis.call('HMGET', key.session, 'tenant', 'state'))
  local isThere = state and state ~= 'deleted'
  if isThere and isForeign(tenant) then return { status = 'foreign' } end
  local same = isThere and redis.call('HGET', key.scheduled, arg.id)
  if same then
    local content = string.match(same, '^[^\n]*\n([^\n]*)\n')
    return { status = content == arg.content and 'known' or 'taken' }
  end
  if isThere and redis.call('ZCARD', key.schedules) >= tonumber(arg.schedulesMax) then
    return { status = 'full' }
  end
  if not isThere then create() end
  redis.call('ZADD', key.schedules, arg.dueAt, arg.id)
  redis.call('HSET', key.scheduled, arg.id,
    arg.occurrence .. '\n' .. arg.content .. '\n' .. arg.schedule)
  noteSchedules()
  noteBytes()
  keep()
  return { status = 'added', shared = redis.call('HGET', key.session, 'shared'), size = sizeOf() }
end

return storedReply() or storeReply(add())
