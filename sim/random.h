/* random - reproducible randomness: a number is a function of the key it is asked for. */
#ifndef GOLIVED_SIM_RANDOM_H
#define GOLIVED_SIM_RANDOM_H

#include <stdint.h>

/* 64 well-mixed bits for a key (the finalizer of splitmix64). */
static inline uint64_t sim_random_mix(uint64_t key)
{
	key += 0x9e3779b97f4a7c15;
	key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9;
	key = (key ^ (key >> 27)) * 0x94d049bb133111eb;
	return key ^ (key >> 31);
}

/* The key with one more part: sim_random_key(sim_random_key(seed, creator), week). */
static inline uint64_t sim_random_key(uint64_t key, uint64_t part)
{
	return sim_random_mix(key ^ sim_random_mix(part));
}

/* In [0, 1), evenly. */
static inline double sim_random_unit(uint64_t key)
{
	return (double)(sim_random_mix(key) >> 11) * 0x1p-53;
}

#endif
