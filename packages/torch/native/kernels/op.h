// What every operator needs: argument checks, the way below autograd, threads.
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
// c10::optional or std::optional, whichever this libtorch has.
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

// A gradient as the kernels read it. Autograd may hand over expanded or strided ones.
Tensor gradient_of(const Tensor& g) { return g.contiguous(); }

// task(index) for every index. A thread takes the next one when it is done with one: processors of a virtual machine are
// often not equally fast, and equal shares would wait for the slowest. Tasks write to places of their own and sums over
// tasks are taken afterwards in order, so results do not depend on who did what, nor on the number of threads.
template <class Task>
void for_each_task(int64_t tasks, const Task& task) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(tasks, at::get_num_threads()), 1, [&](int64_t, int64_t) {
    for (int64_t i = next++; i < tasks; i = next++) task(i);
  });
}

// Scratch of `floats` for each thread; scratch.mine() inside a task.
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
