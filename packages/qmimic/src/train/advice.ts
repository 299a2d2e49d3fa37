// Advice based on a run's results.

/** Results of a run's stages. */
interface StageScore {
  stage: string;
  /** AP at IoU 0.5 on the val split, 0..1. */
  val: number | null;
  teacherVal?: number | null | undefined;
}

/** Advice if the student beats its teacher; undefined otherwise. */
export function teacherAdvice(stages: readonly StageScore[]): string | undefined {
  const student = stages.find(({ stage }) => stage === "student");
  if (!student || student.val === null || student.teacherVal == null || student.val <= student.teacherVal)
    return;
  const [reached, taught] = [student.val, student.teacherVal].map((ap) => (100 * ap).toFixed(1));
  return (
    `The student (AP50 ${reached} on val) beats its teacher (${taught}), so it can learn little from it. ` +
    "Try training the teacher longer (teacher-epochs), a wider teacher (teacher, for instance vgg-1-4), " +
    "or more scales for both (scales); or compare with method scratch, which needs no teacher."
  );
}
