/** A flat thing held before a camera: where each pixel of the scene lies on it. */

export interface PlanePose {
  /** Middle of the plane in the scene, pixels. */
  readonly centreX: number;
  readonly centreY: number;
  /** Scene pixels for one pixel of the plane's own picture, seen straight on. */
  readonly scale: number;
  readonly yawDeg: number;
  readonly pitchDeg: number;
  readonly rollDeg: number;
}

/** Of the camera, in pixels: about 60° across 640. */
const focalPx = 560;

/** From scene pixels to the plane's own pixels, whose origin is its middle. */
export function planeMap(pose: PlanePose): (x: number, y: number, out: Float64Array) => void {
  const [yaw, pitch, roll] = [pose.yawDeg, pose.pitchDeg, pose.rollDeg].map((deg) => (deg * Math.PI) / 180);
  const [sy, cy] = [Math.sin(yaw ?? 0), Math.cos(yaw ?? 0)];
  const [sp, cp] = [Math.sin(pitch ?? 0), Math.cos(pitch ?? 0)];
  const [sr, cr] = [Math.sin(roll ?? 0), Math.cos(roll ?? 0)];
  const s = pose.scale;
  // Columns: the plane's two axes turned by roll, pitch and yaw, at a distance of one focal length.
  const a = [s * (cy * cr + sy * sp * sr), s * cp * sr, s * (-sy * cr + cy * sp * sr)] as const;
  const b = [s * (-cy * sr + sy * sp * cr), s * cp * cr, s * (sy * sr + cy * sp * cr)] as const;
  const [ax, ay, az] = a;
  const [bx, by, bz] = b;
  return (x, y, out) => {
    const dx = (x - pose.centreX) / focalPx;
    const dy = (y - pose.centreY) / focalPx;
    // Solve a·u + b·v projected = (dx, dy): two linear equations.
    const m00 = ax - dx * az;
    const m01 = bx - dx * bz;
    const m10 = ay - dy * az;
    const m11 = by - dy * bz;
    const determinant = m00 * m11 - m01 * m10;
    out[0] = ((dx * m11 - m01 * dy) * focalPx) / determinant;
    out[1] = ((m00 * dy - dx * m10) * focalPx) / determinant;
  };
}
