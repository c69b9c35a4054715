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

local function isOf(row, parent)
  return string.match(row, ' (.*)$') == parent
end

-- Returns the number of the open tasks of a parent. It reads only open tasks, and their number is bounded for each
-- parent.
local function openOf(parent)
  local open = 0
  local last = '(' .. string.format('%.0f', queuedFrom)
  for _, row in ipairs(redis.call('ZRANGEBYSCORE', key.unfinishedTasks, 0, last)) do
    if isOf(row, parent) then open = open + 1 end
  end
  return open
end

local queuedPortion = 100

-- Returns the first queued tasks of a parent, at most `count` of them, in the order of their start. The next task that
-- may begin is usually one of the first, so it reads them in portions.
local function queuedOf(parent, count)
  local queued, from = {}, 0
  while #queued < count do
    local rows = redis.call('ZRANGEBYSCORE', key.unfinishedTasks, string.format('%.0f', queuedFrom), '+inf',
      'LIMIT', from, queuedPortion)
    for _, row in ipairs(rows) do
      if #queued < count and isOf(row, parent) then table.insert(queued, row) end
    end
    if #rows < queuedPortion then break end
    from = from + queuedPortion
  end
  return queued
end
