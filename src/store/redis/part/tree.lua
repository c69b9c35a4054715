-- The tasks of a root. `tasks` has them by the last part of their id. `nestedTasks` has the parent of each task
-- whose parent is a task; the parent '' is the root. `unfinishedTasks` has `<task> <parent>` of those that have
-- not ended, and only these are counted. The score is the number of the start, plus `queuedFrom` of a task that
-- waits for others of its parent, and minus `queuedFrom` of one that waits for an answer, or did.

local queuedFrom = 1e12

-- Returns nil if the tree lacks the task.
local function parentOf(task)
  if redis.call('HEXISTS', key.tasks, task) == 0 then return nil end
  return redis.call('HGET', key.nestedTasks, task) or ''
end

-- Returns the state of a task of the tree.
local function taskState(task, parent)
  local score = tonumber(redis.call('ZSCORE', key.unfinishedTasks, task .. ' ' .. parent) or '')
  if not score then return 'ended' end
  if score < 0 then return 'waiting' end
  return score < queuedFrom and 'open' or 'queued'
end

-- Returns the number of the open tasks of a parent, and its queued ones in the order of their start.
local function unfinishedOf(parent)
  local open, queued = 0, {}
  local rows = redis.call('ZRANGE', key.unfinishedTasks, 0, -1, 'WITHSCORES')
  for index = 1, #rows, 2 do
    if string.match(rows[index], ' (.*)$') == parent then
      local score = tonumber(rows[index + 1])
      if score >= queuedFrom then
        table.insert(queued, rows[index])
      elseif score >= 0 then
        open = open + 1
      end
    end
  end
  return open, queued
end
