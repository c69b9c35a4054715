-- Returns the spending of all sessions of a tree, without the unfinished message of one of them.
-- KEYS session rootSession rootTaskSpent
-- ARGV task
-- RETURNS spentInput spentOutput spentCached spentReasoning spentUsd spentUnknown
-- USES tree-spending

local sum = add(amountsOf(key.rootSession, 'spent'), amountsOf(key.rootSession, 'tree'), 1)
if arg.task ~= '' then
  add(sum, amountsIn(redis.call('HGET', key.rootSession, 'unfinishedSpent')), 1)
  add(sum, amountsIn(redis.call('HGET', key.rootTaskSpent, arg.task)), -1)
  add(sum, amountsOf(key.session, 'spent'), 1)
end
local values = {}
for _, name in ipairs(amountNames) do values['spent' .. name] = exact(sum[name]) end
return returns(values)
