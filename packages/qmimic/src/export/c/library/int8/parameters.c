typedef int8_t weight;
typedef int32_t bias;
