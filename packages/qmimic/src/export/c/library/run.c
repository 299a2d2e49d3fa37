/* Runs the network on the picture: each step computes the next row of its map. */
static void run_network(void)
{
  uint16_t rows[OPERATIONS];
  int i;
  memset(rows, 0, sizeof rows);
  for (i = 0; i < STEPS; i++) {
    const struct operation *op = &operations[order[i]];
    op->row(op, rows[order[i]]++);
  }
}
