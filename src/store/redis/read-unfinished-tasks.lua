-- Returns the tasks of a tree that have not ended: the last part of the id and the state of each.
-- KEYS unfinishedTasks
-- RETURNS tasks...

local tasks = {}
local rows = redis.call('ZRANGE', key.unfinishedTasks, 0, -1, 'WITHSCORES')
for index = 1, #rows, 2 do
  table.insert(tasks, string.match(rows[index], '^%S+'))
  local score = tonumber(rows[index + 1])
  table.insert(tasks, score < 0 and 'waiting' or score < 1e12 and 'open' or 'queued')
end
return returns({ tasks = tasks })
