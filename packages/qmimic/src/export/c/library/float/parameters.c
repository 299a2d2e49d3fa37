typedef float weight;
typedef float bias;
