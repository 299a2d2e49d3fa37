// What the numbers of a run say to do next.

/** What is known of the stages of a run. */
interface StageScore {
  stage: string;
  /** AP at IoU 0.5 on the val split, 0..1. */
  val: number | null;
  teacherVal?: number | null | undefined;
}

/** A word on a student that ends above its teacher; undefined where there is nothing to say. */
export function teacherAdvice(stages: readonly StageScore[]): string | undefined {
  const student = stages.find(({ stage }) => stage === "student");
  if (!student || student.val === null || student.teacherVal == null || student.val <= student.teacherVal)
    return;
  const [own, taught] = [student.val, student.teacherVal].map((ap) => (100 * ap).toFixed(1));
  return (
    `The student (AP50 ${own} on val) ends above its teacher (${taught}): it can learn little from it. ` +
    "Try a longer training of the teacher (teacher-epochs), a wider one (teacher, for instance vgg-1-4), " +
    "or more scales for both (scales); or compare with method scratch, which costs no teacher."
  );
}
