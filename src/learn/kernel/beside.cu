// A thread a number.
__device__ inline void beside_body(const Beside& k) {
    unsigned at = global_thread(), width = k.args.row.next_obs(), many = k.args.states * k.args.per;
    unsigned n = at / width, column = at % width;
    if (n >= many + k.args.others) return;
    unsigned row = n < many ? n / k.args.per : k.args.states + n - many;
    bool own = n < many && column >= k.args.row.action();
    k.all[at] = own ? k.actions[(size_t)n * k.args.row.act_dim + column - k.args.row.action()]
                    : k.batch[(size_t)row * k.args.row.len + column];
}
