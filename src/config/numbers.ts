/** Leaves that several parts of the schema share. */
import { z } from 'zod';

export const seedNumber = z.int().min(0).max(0xffff_ffff);
export const positiveInt = z.int().min(1);
/** 0 ≤ x < 1. */
export const fraction = z.number().min(0).lt(1);
/** A file or folder of the user. */
export const filePath = z.string().min(1).max(4096);
