-- Ends a task, or notes that an open one waits. If it was open, the oldest queued tasks of the same parent are open
-- as far as there is room. The readers of these get a hint: the keys of a task are those of its root with the task behind the hash tag.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs openMax task state
-- RETURNS done next...
-- USES reply keep keep-tree tree

local function openQueued(parent)
  local next = {}
  for _, row in ipairs(queuedOf(parent, tonumber(arg.openMax) - openOf(parent))) do
    local task = string.match(row, '^%S+')
    redis.call('ZINCRBY', key.unfinishedTasks, string.format('%.0f', -queuedFrom), row)
    redis.call('SPUBLISH', string.gsub(key.session, ':session$', '~' .. task .. ':session!log'), '')
    table.insert(next, task)
  end
  return next
end

local function finish()
  local parent = parentOf(arg.task)
  local state = parent and taskState(arg.task, parent) or 'ended'
  local isParked = arg.state == 'waiting'
  if state == 'ended' or isParked and state ~= 'open' then return { done = false } end
  local member = arg.task .. ' ' .. parent
  if isParked then
    redis.call('ZINCRBY', key.unfinishedTasks, string.format('%.0f', -queuedFrom), member)
  else
    redis.call('ZREM', key.unfinishedTasks, member)
  end
  local next = state == 'open' and openQueued(parent) or {}
  keepTree()
  return { done = true, next = next }
end

return storedReply() or storeReply(finish())
