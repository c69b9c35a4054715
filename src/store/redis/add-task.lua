-- Adds a task to the tree of its root. Of several calls for one task, one adds it.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs unfinishedMax openMax task parent content
-- RETURNS status state
-- USES reply keep keep-tree clock tree

local function add()
  local state = redis.call('HGET', key.session, 'state')
  if not state or state == 'deleted' then return { status = 'gone' } end
  local known = parentOf(arg.task)
  if known then return { status = 'known', state = taskState(arg.task, known) } end
  -- The caller deletes the session of a removed task, so the id cannot begin again before that.
  local isRemoved = redis.call('SISMEMBER', key.removedTasks, arg.task) == 1
  if isRemoved or arg.parent ~= '' and not parentOf(arg.parent) then return { status = 'gone' } end
  if redis.call('ZCARD', key.unfinishedTasks) >= tonumber(arg.unfinishedMax) then
    return { status = 'full' }
  end
  local number = redis.call('HINCRBY', key.session, 'tasks', 1)
  local isOpen = openOf(arg.parent) < tonumber(arg.openMax)
  redis.call('ZADD', key.unfinishedTasks,
    string.format('%.0f', number + (isOpen and 0 or queuedFrom)), arg.task .. ' ' .. arg.parent)
  if arg.parent ~= '' then redis.call('HSET', key.nestedTasks, arg.task, arg.parent) end
  redis.call('HSET', key.tasks, arg.task,
    number .. ' ' .. string.format('%.0f', now()) .. '\n' .. arg.content)
  keepTree()
  return { status = 'added', state = isOpen and 'open' or 'queued' }
end

return storedReply() or storeReply(add())
