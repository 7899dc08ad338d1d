/** How high a chart is, in pixels: six of them fit a screen. Its place is that high before it is drawn (`.chart` in `pages.css`). */
export const HEIGHT = 130;
