-- Removes a task and all tasks below it from the tree of its root. Only tasks whose parent is a task are read.
-- KEYS session mail letters known order history messages branches branched claims live abandoned schedules scheduled
-- KEYS tasks unfinishedTasks nestedTasks taskSpent removedTasks reply
-- ARGV sessionTtlMs replyTtlMs task
-- RETURNS done
-- USES reply keep keep-tree tree removed-tasks

local function childrenOf()
  local children = {}
  local rows = redis.call('HGETALL', key.nestedTasks)
  for index = 1, #rows, 2 do
    local task, parent = rows[index], rows[index + 1]
    children[parent] = children[parent] or {}
    table.insert(children[parent], task)
  end
  return children
end

local function remove()
  if not parentOf(arg.task) then return { done = false } end
  local children, removed = childrenOf(), { arg.task }
  -- The list grows while it is read: each task brings its children.
  local at = 1
  while removed[at] do
    for _, task in ipairs(children[removed[at]] or {}) do table.insert(removed, task) end
    at = at + 1
  end
  for _, task in ipairs(removed) do
    redis.call('ZREM', key.unfinishedTasks, task .. ' ' .. parentOf(task))
    for _, each in ipairs({ key.tasks, key.nestedTasks, key.taskSpent }) do
      redis.call('HDEL', each, task)
    end
  end
  noteRemoved(removed)
  keepTree()
  return { done = true }
end

return storedReply() or storeReply(remove())
