// Shared by all operators: argument checks, autograd helpers, threads.
#pragma once
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <tuple>
#include <vector>

namespace qmimic {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;
// c10::optional or std::optional, depending on the libtorch version.
using OptionalTensor = decltype(std::declval<const c10::IValue&>().toOptional<Tensor>());

void check_tensor(const char* op, const char* name, const Tensor& t, int64_t dimensions, at::ScalarType type) {
  TORCH_CHECK(t.defined(), "qmimic::", op, ": ", name, " is undefined");
  TORCH_CHECK(t.device().is_cpu(), "qmimic::", op, ": ", name, " is on ", t.device(), ", expected cpu");
  TORCH_CHECK(t.scalar_type() == type, "qmimic::", op, ": ", name, " is ", t.scalar_type(), ", expected ", type);
  TORCH_CHECK(dimensions < 0 || t.dim() == dimensions, "qmimic::", op, ": ", name, " has shape ", t.sizes(),
              ", expected ", dimensions, " dimensions");
  TORCH_CHECK(t.is_contiguous(), "qmimic::", op, ": ", name, " of shape ", t.sizes(), " and strides ", t.strides(),
              " is not contiguous");
}

void check_shape(const char* op, const char* name, const Tensor& t, at::IntArrayRef shape) {
  TORCH_CHECK(t.sizes() == shape, "qmimic::", op, ": ", name, " has shape ", t.sizes(), ", expected ", shape);
}

bool wants_gradient(const Tensor& t) { return t.defined() && t.requires_grad(); }
bool recording() { return at::GradMode::is_enabled(); }

// A gradient in the layout that the kernels expect. Autograd may pass expanded or strided ones.
Tensor gradient_of(const Tensor& g) { return g.contiguous(); }

// Runs task(index) for every index. Each thread takes the next index when it is done with one: the processors of a
// virtual machine are often not equally fast, and with equal shares the others would wait for the slowest. Each task
// writes to separate memory, and sums over tasks are computed afterwards in order, so results depend neither on the
// assignment of tasks to threads nor on the number of threads.
template <class Task>
void for_each_task(int64_t tasks, const Task& task) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(tasks, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    for (int64_t i = next++; i < tasks; i = next++) task(i);
  });
}

// Scratch memory of `floats` for each thread: scratch.mine() inside a task.
struct Scratch {
  int64_t floats;
  Tensor buffer;
  float* data;
  explicit Scratch(int64_t count)
      : floats((count + 31) / 32 * 32),
        buffer(at::empty({at::get_num_threads() * floats}, at::kFloat)),
        data(buffer.data_ptr<float>()) {}
  float* mine() const { return data + at::get_thread_num() * floats; }
};

}  // namespace
}  // namespace qmimic
